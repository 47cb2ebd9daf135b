"""The retrieve role: a `Retriever` as a tool of plans. The ids and scores of its hits are written to the trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..runtime.tools import Reported, Tool, tool


def retrieve_tool(retriever: Any, topk: int = 5) -> Tool:
    """The `retrieve` tool of a `Retriever`, a `Tool` or a callable; `topk` is the default of its parameter."""
    if isinstance(retriever, Tool):
        made = retriever
    elif hasattr(retriever, "search"):
        made = _searched_by(retriever)
    elif callable(retriever):
        made = tool(retriever, "retrieve")
    else:
        raise TypeError(f"a retriever has `search`, or is a tool or a callable, not {type(retriever).__name__}")
    params = tuple(param._replace(default=topk) if param.name == "topk" else param for param in made.signature.params)
    return replace(made, signature=made.signature._replace(name="retrieve", params=params))


def _searched_by(retriever: Any) -> Tool:
    def retrieve(query: str, topk: int) -> Reported:
        return _found(retriever.search(query, topk))

    def together(calls: list[dict[str, Any]]) -> list[Reported]:
        found: dict[int, Reported] = {}
        for size in dict.fromkeys(call["topk"] for call in calls):
            places = [place for place, call in enumerate(calls) if call["topk"] == size]
            hits = retriever.search_many([calls[place]["query"] for place in places], size)
            found.update(zip(places, map(_found, hits), strict=True))
        return [found[place] for place in range(len(calls))]

    # A batch is faster for a server, and separate threads are faster without one.
    return tool(retrieve, "retrieve", batch=together if hasattr(retriever, "url") else None)


def _found(hits: Sequence[Any]) -> Reported:
    usage: dict[str, Any] = {"passages": [hit.passage.id for hit in hits]}
    if hits and all(hit.score is not None for hit in hits):
        usage["scores"] = [round(float(hit.score), 4) for hit in hits]
    return Reported([hit.passage.document for hit in hits], usage)
