"""Diagnostics as editors and code scanners take them."""

from __future__ import annotations

import json

import pytest

from pyrag_dsl import PlanRejected, parse
from pyrag_dsl.grammar.diagnostics import Diagnostic
from pyrag_dsl.grammar.edits import apply_edits
from pyrag_dsl.grammar.exporters import render_lsp, render_sarif

SOURCE = 'docs = retrieve("\U0001f40d Dune", documents=3)\nfinal_answer = answer("Who?", dcos)\n'


@pytest.fixture
def found() -> tuple[Diagnostic, ...]:
    with pytest.raises(PlanRejected) as refused:
        parse(SOURCE)
    return refused.value.diagnostics


def test_lsp_counts_from_zero_in_utf_16(found: tuple[Diagnostic, ...]) -> None:
    keyword, name = render_lsp(found, SOURCE)
    assert (keyword["code"], keyword["severity"]) == ("PLAN210", 1)
    start = keyword["range"]["start"]
    line = SOURCE.split("\n")[0].encode("utf-16-le")
    assert line[start["character"] * 2 :].decode("utf-16-le").startswith("documents=")
    assert name["range"] == {"start": {"line": 1, "character": 30}, "end": {"line": 1, "character": 34}}


def test_lsp_carries_fixes(found: tuple[Diagnostic, ...]) -> None:
    (action,) = render_lsp(found, SOURCE)[1]["data"]
    (change,) = action["edit"]["changes"]["file:///plan.py"]
    assert (action["isPreferred"], change["newText"]) == (True, "docs")


def test_sarif_names_rules_places_and_fixes(found: tuple[Diagnostic, ...]) -> None:
    log = json.loads(json.dumps(render_sarif(found, "plan.py", "1.0")))
    (run,) = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["PLAN208", "PLAN210"]
    for result, diagnostic in zip(run["results"], found, strict=True):
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == diagnostic.code
        region = result["locations"][0]["physicalLocation"]["region"]
        assert (region["startLine"], region["startColumn"]) == diagnostic.span[:2]
    replacement = run["results"][1]["fixes"][0]["artifactChanges"][0]["replacements"][0]
    assert replacement["insertedContent"]["text"] == "docs"
    fixed = apply_edits(SOURCE, [edit for each in found for fix in each.fixes for edit in fix.edits])
    assert "dcos" not in fixed


def test_a_diagnostic_without_a_place_stands_at_the_beginning() -> None:
    nowhere = Diagnostic("PLAN402", "the time of the run is over")
    assert render_lsp([nowhere], "")[0]["range"]["start"] == {"line": 0, "character": 0}
    assert "locations" not in render_sarif([nowhere])["runs"][0]["results"][0]
