"""The page in a real browser: nothing of a stranger runs in it, and its own script does what it is for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pyrag_dsl as pd
from pyrag_dsl.report import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "<a href='javascript:document.title=1'>x</a><style>body{display:none}</style></title></details></section></main>"
    "<iframe src='data:text/html,x'></iframe><meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens the page of a trace: the page, and what its console said or its network asked for."""
    pages: list[Any] = []

    def show(trace: pd.Trace) -> tuple[Any, list[str]]:
        write_report(trace, tmp_path / "run.html")
        page, said = browser.new_page(), []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if request.url[:5] != "file:" else None)
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto((tmp_path / "run.html").as_uri())
        pages.append(page)
        return page, said

    yield show
    for page in pages:
        page.close()


def run(count: int = 2, said: str = "1951") -> pd.Trace:
    plan = f"xs = [answer(f'Who is {{i}}?', retrieve(f'topic {{i}}')) for i in range({count})]\nfinal_answer = xs[-1]"
    tools = {
        "retrieve": lambda query, topk=5: [f"{query}\nText of {query}: {said}"],  # noqa: ARG005
        "answer": lambda query, docs=None: said,  # noqa: ARG005
    }
    return pd.run(plan, tools, question=f"Who? {said}", limits={"tool_calls": 5_000}).trace


def test_hostile_texts_stay_texts(opened: Any) -> None:
    page, said = opened(run(said=HOSTILE))
    page.locator("#fold").click()
    assert page.title().startswith("Who? </script>")
    assert page.locator("script").count() == 1
    assert page.locator("img, iframe").count() == 0
    assert page.locator("main").count() == 1
    assert page.locator("footer").is_visible()
    assert said == [], "no error, no dialog, no request"


def test_a_link_unfolds_what_it_leads_to(opened: Any) -> None:
    page, said = opened(run(40))
    card = page.locator("#c41")
    assert not card.is_visible()
    page.locator("#t-c41 .who a").click()
    playwright.expect(card.locator(".body").first).to_be_visible()
    assert said == []


def test_the_pointer_shows_what_came_from_what(opened: Any) -> None:
    page, _ = opened(run(2))
    names = [page.locator(".row").nth(place).get_attribute("data-k") for place in range(1, 5)]
    answer = next(name for name in names if "answer" in page.locator(f"#t-{name} .who").inner_text())
    page.locator(f"#t-{answer} .who a").hover()
    lit = {each.get_attribute("id") for each in page.locator(".row.from").all()}
    assert len(lit) == 1
    assert "retrieve" in page.locator(f"#{lit.pop()} .who").inner_text()
    page.locator("h1").hover()
    assert page.locator(".from, .to, .self").count() == 0


def test_calls_are_found_among_two_thousand(opened: Any) -> None:
    page, said = opened(run(1_000))
    page.keyboard.press("/")
    page.keyboard.type("topic 777")
    playwright.expect(page.locator("#count")).to_have_text(re.compile("^[2-9] of 2000"), timeout=60_000)
    assert 2 <= page.locator(".call:visible").count() < 10
    page.keyboard.press("Escape")
    playwright.expect(page.locator("#count")).to_have_text("", timeout=60_000)
    assert page.locator(".call:visible").count() == 0, "what the search has unfolded is folded again"
    assert said == []


def test_keys_go_from_call_to_call(opened: Any) -> None:
    page, _ = opened(run(2))
    for _ in range(2):
        page.keyboard.press("j")
    assert page.evaluate("document.activeElement.parentElement.id") == page.locator("details.call").nth(
        1
    ).get_attribute("id")
    page.keyboard.press("Enter")
    assert page.locator(".call[open]").count() == 1
