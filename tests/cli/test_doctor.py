"""`pyrag doctor`: what is there, what is not, and what to do."""

from __future__ import annotations

import pytest

from pyrag_dsl.cli import pyrag
from pyrag_dsl.testing.server import ScriptedModelServer, status


@pytest.fixture(autouse=True)
def no_models_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLM_MODEL", "LLM_BASE_URL", "PYRAG_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def test_it_says_what_is_installed_and_how_to_install_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    assert pyrag(["doctor"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("pyrag_dsl ")
    assert "extra decoding" in said
    for line in said.splitlines():
        if "lacks" in line:
            assert "pip install 'pyrag_dsl[" in line
    assert "no model was named" in said


def test_a_model_that_answers_is_told_from_one_that_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedModelServer(["hello"]) as server:
        assert pyrag(["doctor", "--llm-base-url", server.base_url, "--model", "m"]) == 0
        assert "it answers, as m; tokens are counted" in capsys.readouterr().out
    with ScriptedModelServer([status(404, message="no such model")]) as server:
        assert pyrag(["doctor", "--llm-base-url", server.base_url, "--model", "m"]) == 5
        assert "no such model" in capsys.readouterr().out
    assert pyrag(["doctor", "--retriever", "http://127.0.0.1:9"]) == 5
    assert "no retriever at http://127.0.0.1:9: " in capsys.readouterr().out


@pytest.mark.parametrize("place", ["postgresql://127.0.0.1:9/x", "milvus:///no/such/folder/file.db"])
def test_search_engines_are_retrievers_too(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert pyrag(["doctor", "--retriever", place]) == 5
    said = capsys.readouterr().out
    assert f"no retriever at {place}: " in said
    assert "is not the address of a retriever" not in said
