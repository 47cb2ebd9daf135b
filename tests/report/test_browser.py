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


# -------------------------------------------------- a page that fills as it goes

SECTIONS = """() => [...document.querySelectorAll("section")].map((each) => {
  const made = each.cloneNode(true);
  for (const ours of made.querySelectorAll(".again")) ours.remove();
  for (const found of made.querySelectorAll("[open]")) found.removeAttribute("open");
  return made.innerHTML.trim();
})"""


@pytest.fixture
def followed(browser: Any) -> Iterator[Any]:
    """A run that is watched, and its page in a browser."""
    pytest.importorskip("starlette", reason="the extra `serve` is not installed")
    pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")
    from pyrag_dsl.serving import Watched, watching_at

    watched = Watched("Who?")
    with watching_at(watched, 0) as address:
        page = browser.new_page(viewport={"width": 900, "height": 600})
        page.goto(address)
        yield watched, page, address
        page.close()


def called(*asked: str, plan: str = "") -> pd.Trace:
    """A run that asks so many things."""
    lines = [f"x{place} = answer({each!r}, retrieve({each!r}))" for place, each in enumerate(asked)]
    tools = {
        "retrieve": lambda query, topk=5: [f"{query} {number}\nText" for number in range(topk)],
        "answer": lambda query, docs=None: f"said {query}",  # noqa: ARG005
    }
    source = plan or "\n".join([*lines, "final_answer = x0"])
    return pd.run(source, tools, question="Who? " + " ".join(asked)[:40], limits={"tool_calls": 500}).trace


def test_law_what_was_told_is_the_page_that_is_opened_anew(followed: Any, browser: Any) -> None:
    watched, page, address = followed
    many = [f"topic {number}" for number in range(40)]
    for asked in (["a"], ["b", "a"], ["a", "b", "c"], many, ["c", HOSTILE, "a"], [*many, "a"], ["a"]):
        trace = called(*asked)
        watched.start()
        watched.finish(trace)
        playwright.expect(page.locator("h1")).to_have_text(trace.header.question)
        page.wait_for_timeout(100)
        anew = browser.new_page()
        anew.goto(address)
        anew.wait_for_timeout(700)
        assert page.evaluate(SECTIONS) == anew.evaluate(SECTIONS)
        anew.close()
    assert page.locator("img, iframe").count() == 0


def test_what_is_open_typed_and_read_stays_while_the_page_grows(followed: Any) -> None:
    watched, page, _ = followed
    watched.finish(called("a", "b", "c", "d", "e", "f"))
    playwright.expect(page.locator(".call")).to_have_count(12)
    card = page.locator(".call", has_text="said e")
    card.locator("summary").first.click()
    topk = page.locator(".call[data-topk]", has_text="retrieve#5")
    topk.locator("summary").first.click()
    topk.locator(".again input").fill("17")
    card.evaluate("(each) => { window.mine = each; each.scrollIntoView({ block: 'start', behavior: 'instant' }); }")
    # What the browser still scrolls by itself, after a click and a text, has to come to rest.
    page.evaluate(
        """async () => {
            for (let last = null, frames = 0; frames < 20; frames++) {
                await new Promise(requestAnimationFrame);
                if (last !== scrollY) frames = 0;
                last = scrollY;
            }
        }"""
    )
    where = "() => [window.mine.isConnected, window.mine.open, window.mine.getBoundingClientRect().top]"
    before = page.evaluate(where)
    assert before[:2] == [True, True]
    assert abs(before[2]) < 100
    watched.start()
    watched.finish(called("a", "b", "c", "d", "e", "f", "g", "h", "i"))
    playwright.expect(page.locator(".call")).to_have_count(18)
    page.wait_for_timeout(100)
    assert page.evaluate(where) == [True, True, pytest.approx(before[2], abs=1)]
    assert "said e" in page.evaluate("() => window.mine.textContent")
    assert topk.locator(".again input").input_value() == "17"
