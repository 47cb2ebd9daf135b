"""Every hostile plan of the reference set ends as its first line says, and leaves the host as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

Verdict = dict[str, Any]

# What becomes of a plan, by what is expected of it. A refusal before the run is as good as any later one.
FITTING = {
    "reject-at-vet": {"PlanRejected"},
    "error-at-run": {"PlanFailed"},
    "limit": {"LimitExceeded", "PlanRejected"},
    "safe-run": {"done", "PlanRejected"},
}
# Where this project means to differ, and why.
DEVIATIONS = {
    "404_parse_toplevel_return": ("done", "a plan may return at top level: its contract says so"),
    "180_res_regex_catastrophic_email": ("done", "the matcher sees that nothing can match, within its limits"),
    "185_res_regex_backref": ("done", "the matcher sees that nothing can match, within its limits"),
    "252_res_strptime_regex": ("LimitExceeded", "a date format has a limit of its own"),
}
# Harmless plans whose value is not CPython's on purpose: results of tools are copies, so no two names share one.
VALUES = {"307_tamper_docs_alias_two_nodes": "'ok'"}
PROCESSOR_SECONDS = 3.0  # the first of each process pays for imports; CPython's own start is not counted
GROWTH = 64  # MiB


@pytest.fixture(scope="module")
def expected(shared: Path) -> dict[str, tuple[str, str]]:
    """What is expected of each program, and its text, by name."""
    programs = {}
    for path in sorted((shared / "attacks").glob("*.py")):
        source = path.read_bytes().decode("utf-8", "surrogateescape")
        found = re.search(r"# expect: (\S+)", source)
        assert found is not None, path
        programs[path.stem] = (found[1], source)
    assert programs
    return programs


@pytest.fixture(scope="module")
def verdicts(
    expected: dict[str, tuple[str, str]], caged: Callable[[Iterable[dict[str, Any]]], list[Verdict]]
) -> list[Verdict]:
    return caged(
        {"name": name, "source": source, "mode": mode, "compare": wanted == "safe-run"}
        for name, (wanted, source) in expected.items()
        for mode in ("sequential", "concurrent")
    )


def ended(verdicts: list[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if "leaks" in verdict]


@pytest.mark.thorough
def test_every_plan_ends(verdicts: list[Verdict], expected: dict[str, Any]) -> None:
    assert len(verdicts) == 2 * len(expected)
    assert [verdict for verdict in verdicts if "leaks" not in verdict] == []


def test_verdicts(verdicts: list[Verdict], expected: dict[str, tuple[str, str]]) -> None:
    wrong = []
    for verdict in verdicts:
        name = verdict["name"]
        fitting = FITTING[expected[name][0]] | ({DEVIATIONS[name][0]} if name in DEVIATIONS else set())
        if verdict["outcome"] not in fitting:
            wrong.append((expected[name][0], verdict))
    assert wrong == []


def test_refusals_have_codes(verdicts: list[Verdict]) -> None:
    assert [v for v in ended(verdicts) if v["outcome"] != "done" and not v["codes"]] == []


def test_errors_have_places(verdicts: list[Verdict]) -> None:
    """Of a text as a whole (PLAN101, PLAN102) and of the answer (PLAN311) there is no single place."""
    whole = {"PLAN101", "PLAN102", "PLAN311", "PLAN405"}
    assert [v for v in ended(verdicts) if not v["placed"] and not whole & set(v["codes"])] == []


def test_nothing_is_called_by_a_plan_that_is_refused(verdicts: list[Verdict]) -> None:
    assert [v for v in ended(verdicts) if v["outcome"] == "PlanRejected" and v["calls"]] == []


def test_limits_are_met_in_time_and_memory(verdicts: list[Verdict]) -> None:
    slow = [v for v in ended(verdicts) if v["mode"] == "sequential" and v["cpu"] > PROCESSOR_SECONDS]
    large = [v for v in ended(verdicts) if v["mode"] == "sequential" and v["grown"] > GROWTH]
    assert (slow, large) == ([], [])


def test_harmless_plans_have_the_values_of_cpython(verdicts: list[Verdict], expected: dict[str, Any]) -> None:
    wrong = []
    for verdict in ended(verdicts):
        if expected[verdict["name"]][0] == "safe-run" and verdict["outcome"] == "done":
            value = VALUES.get(verdict["name"], verdict["expected"])
            if verdict["value"] != value:
                wrong.append((verdict["name"], verdict["mode"], verdict["value"], value))
    assert wrong == []


def test_no_secret_leaves(verdicts: list[Verdict]) -> None:
    assert [(v["name"], v["leaks"]) for v in ended(verdicts) if v["leaks"]] == []


def test_tools_hear_plain_data_and_keep_their_own(verdicts: list[Verdict]) -> None:
    assert [v for v in ended(verdicts) if not v["plain"] or not v["untouched"]] == []
