"""How much evidence a run has found, and whether a passage on which its answer depends contains the answer.

The evidence of a question is the passages that its data set names, by id or else by title. The trace holds the ids and
the titles of the passages that were found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..methods.answered import Answered
from ..runtime.calls import CallRecord
from .datasets import Example
from .metrics import Normalization, text_of


def evidence_found(question: Example, answered: Answered) -> tuple[float | None, float | None]:
    """The recall and the precision of the passages that were found. Each passage counts once.

    The recall is the share of the evidence that some search has found. The precision is the share of the found passages
    that are evidence; it is None if no passage was found. Both are None if the data set names no evidence.
    """
    wanted = _wanted(question)
    found: dict[Any, set[tuple[str, str]]] = {}
    for call in answered.trace.calls:
        for place, names in enumerate(_passages(call)):
            found.setdefault(min(names, default=(call.node, place)), names)
    if not wanted:
        return None, None
    seen = set().union(*found.values()) if found else set()
    recall = sum(not names.isdisjoint(seen) for names in wanted) / len(wanted)
    known = set().union(*wanted)
    return recall, sum(not names.isdisjoint(known) for names in found.values()) / len(found) if found else None


def supported(answered: Answered, normalization: Normalization) -> bool | None:
    """Whether a passage on which the final answer depends, by data or by control, contains it.

    If the method writes plans, these are the passages of the plan in `Answered.run`. None if there is no answer, if the
    answer is yes or no, which no passage can support, or if there is no result whose lineage could be asked.
    """
    said = normalization(text_of(answered.final_answer)) if answered.status == "done" else ""
    trace = answered.trace if answered.run is None else answered.run.trace
    if not said or said in ("yes", "no") or trace is None:
        return None
    made = [call for call in trace.calls if not call.speculative]
    holding = [call for call in made if any(said in normalization(each) for each in _texts(call))]
    if not holding:
        return False  # before `answered.result`, which interprets the plan again
    result = answered.result
    return None if result is None else any(result.depends_on(call.node) for call in holding)


_SEARCHES = frozenset(("retrieve", "keyword_search", "semantic_search", "chunk_read"))


def _texts(call: CallRecord) -> Iterator[str]:
    """The passages that a search has returned; nothing for calls of other tools."""
    if call.tool in _SEARCHES:
        yield from map(str, call.result) if isinstance(call.result, list) else [str(call.result or "")]


def _passages(call: CallRecord) -> Iterator[set[tuple[str, str]]]:
    """The names of each passage that a call has found: its id, and its title if `retrieve` has returned it."""
    ids = call.usage.get("passages")
    ids = [str(each) for each in ids] if isinstance(ids, list) else []
    whole = call.result if call.tool == "retrieve" and isinstance(call.result, list) else []
    for place in range(max(len(ids), len(whole))):
        names = {("id", ids[place])} if place < len(ids) else set()
        if place < len(whole):
            names.add(("title", str(whole[place]).partition("\n")[0].strip().casefold()))
        yield names


def _wanted(question: Example) -> list[set[tuple[str, str]]]:
    """The name of each passage of the evidence: its id or, if the data set gives none, its title."""
    data = question.metadata
    named = data.get("supporting") or data.get("supporting_facts") or data.get("paragraphs") or ()
    if isinstance(named, Mapping):  # the hub stores a list of pairs as an object of two lists
        named = [{"title": each} for each in named.get("title") or ()]
    found: list[set[tuple[str, str]]] = []
    for each in named if isinstance(named, (list, tuple)) else ():
        names = _names(each)
        if names and names not in found:
            found.append(names)
    return found


def _names(each: Any) -> set[tuple[str, str]]:
    if isinstance(each, Mapping):
        if not each.get("is_supporting", True):
            return set()  # a distractor of MuSiQue
        if each.get("id"):
            return {("id", str(each["id"]))}
        return {("title", str(each["title"]).casefold())} if each.get("title") else set()
    return {("title", str(each[0]).casefold())} if isinstance(each, (list, tuple)) and each else set()
