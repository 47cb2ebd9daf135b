"""Reads the replies of retrieval servers. These shapes are known; any other one is refused with a reason.

{"result": [[{"document": {"id", "contents"}, "score"}, ...], ...]}    Search-R1, PyRAG
{"result": [[{"document": "\\"Title\\"\\nText", "score"}, ...], ...]}      Search-R1's rerank server
{"result": [[{"document": {"title", "text", "contents"}}, ...], ...]}  Search-R1's web-search servers
{"result": [[{"id", "contents"}, ...], ...]}                           servers that ignore return_scores
{"result": [["text", ...], ...]}, {"answers": [["text", ...], ...]}    R1-Searcher at /queries
[[...], ...]                                                           any of these lists without the object
{"result": [...]}                                                      for one query only
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from .errors import excerpt
from .passages import Hit, PassageFormatError, passage_of

_LIST_KEYS = ("result", "results", "answers")
_ERROR_KEYS = ("error", "detail", "message")


class ReplyShapeError(Exception):
    """The reply does not answer the queries. The message tells what is wrong with it, and `advice` what to do."""

    def __init__(self, problem: str, advice: str) -> None:
        super().__init__(problem)
        self.advice = advice


_NOT_A_SERVER = "Check that the URL is that of a retrieval server with the protocol of Search-R1 or R1-Searcher"
_BROKEN_SERVER = "The server is faulty: see its log, or use another"


def hits_of(body: bytes, queries: Sequence[str], topk: int) -> list[list[Hit]]:
    """At most `topk` hits for each query, read from the body of a reply. Raises `ReplyShapeError`."""
    lists = _lists(_decoded(body), len(queries))
    if len(lists) != len(queries):
        raise ReplyShapeError(f"{len(queries)} queries were sent, {len(lists)} lists came back", _count_advice(queries))
    return [_hits(items, position, topk) for position, items in enumerate(lists, 1)]


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        start = excerpt(body[:400].decode("utf-8", "replace"))
        raise ReplyShapeError(f"the reply is not JSON; it starts with {start!r}", _NOT_A_SERVER) from None


def _lists(reply: object, asked: int) -> list[object]:
    if isinstance(reply, dict):
        key = next((key for key in _LIST_KEYS if key in reply), None)
        if key is None:
            said = next((reply[name] for name in _ERROR_KEYS if isinstance(reply.get(name), str)), None)
            keys = ", ".join(repr(excerpt(str(key), 20)) for key in list(reply)[:4]) or "none"
            problem = f'the reply has no "result" (keys here: {keys})'
            if said is not None:
                problem = f"the server reports an error with status 200: {excerpt(said)!r}"
            raise ReplyShapeError(problem, _NOT_A_SERVER)
        reply = reply[key]
    if not isinstance(reply, list):
        raise ReplyShapeError("the reply has no list of results", _NOT_A_SERVER)
    if asked == 1 and not any(isinstance(item, list) for item in reply):
        return [reply]
    return reply


def _count_advice(queries: Sequence[str]) -> str:
    if len(queries) == 1:
        return _BROKEN_SERVER
    return "The server does not answer several queries at once: use batch=1"


def _hits(items: object, position: int, topk: int) -> list[Hit]:
    if not isinstance(items, list):
        raise ReplyShapeError(f"the results of query {position} are not a list", _BROKEN_SERVER)
    hits: list[Hit] = []
    try:
        for item in items[:topk]:
            hits.append(_hit(item))
    except PassageFormatError as error:
        problem = f"document {len(hits) + 1} of query {position} cannot be read: {error}"
        raise ReplyShapeError(problem, _BROKEN_SERVER) from None
    return hits


def _hit(item: object) -> Hit:
    score = None
    if isinstance(item, dict):
        score = item.get("score")
        if "document" in item:
            item = item["document"]
    if score is not None and (isinstance(score, bool) or not isinstance(score, (int, float))):
        raise PassageFormatError("its score is not a number")
    if score is not None and not math.isfinite(score):
        raise PassageFormatError("its score is not finite")
    return Hit(passage_of(item), None if score is None else float(score))
