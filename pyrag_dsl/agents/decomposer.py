"""The decompose role: a model that splits a question into queries for one fact each."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ..models.errors import AccessDenied, BadReply, ModelError
from ..models.reply import strip_thinking
from ..quoting import clean_unicode, one_line
from .answerer import Completes
from .plan_prompts import decompose_prompt

MOST_QUERIES = 20
_QUERY_CHARS = 500
_REPLY_CHARS = 100_000
_FENCE = re.compile(r"```[ \t]*(?:json|JSON)[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The sub-queries of a question.

    Attributes:
        queries: the sub-queries, or only the question itself if it was not split.
        fallback: the reason why it was not split; "" if a model split it.
        replies: the number of requests.
    """

    queries: tuple[str, ...]
    fallback: str = ""
    replies: int = 1


class Decomposer:
    """Splits questions with one model.

    A plan is possible without a decomposition. Therefore most failures of the model are no errors here, but are told in
    `Decomposition.fallback`.

    Args:
        model: a `ChatModel`, or an object with its `acomplete`.
        tries: the requests after which the question is not split.
    """

    def __init__(self, model: Completes, *, tries: int = 3) -> None:
        if tries < 1:
            raise ValueError("tries must be at least 1")
        self.model = model
        self.tries = tries

    async def decompose(self, question: str) -> Decomposition:
        """The sub-queries of `question`.

        Raises:
            AccessDenied: the endpoint refuses the key, as it would for every other role.
        """
        reason = ""
        for turn in range(1, self.tries + 1):
            try:
                reply = await self.model.acomplete(list(decompose_prompt(question, again=turn > 1)))
            except BadReply as error:
                reason = f"{type(error).__name__}: {error.detail}"
                continue
            except AccessDenied:
                raise
            except ModelError as error:
                # The client has made its retries already.
                return Decomposition((question,), f"{type(error).__name__}: {error.detail}", turn)
            queries = read_queries(reply.text)
            if queries:
                return Decomposition(queries, replies=turn)
            cut_off = ", cut off at the token limit" if reply.truncated else ""
            reason = f"the reply held no JSON list of strings{cut_off}"
        return Decomposition((question,), reason, self.tries)


def read_queries(reply: str) -> tuple[str, ...]:
    """The queries in a reply: the reply as JSON, else its JSON fence, else the first list or object in it.

    A non-empty list of strings is valid, and so is an object that holds one. Without either, the result is empty.
    """
    text = strip_thinking(clean_unicode(reply[:_REPLY_CHARS]))
    candidates = [text, *(match.group(1) for match in _FENCE.finditer(text))]
    for candidate in candidates:
        queries = _queries(_load(candidate))
        if queries:
            return queries
    decoder = json.JSONDecoder(strict=False)
    end = 0
    for start in [match.start() for match in re.finditer(r"[\[{]", text)][:200]:
        # A list or object inside another one was not meant as the reply.
        if start < end:
            continue
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        queries = _queries(value)
        if queries:
            return queries
    return ()


def _load(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _queries(value: Any) -> tuple[str, ...]:
    if isinstance(value, dict):
        lists = [item for item in value.values() if isinstance(item, list)]
        value = lists[0] if len(lists) == 1 else None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return ()
    lines = [one_line(item)[:_QUERY_CHARS] for item in value]
    return tuple(dict.fromkeys(line for line in lines if line))[:MOST_QUERIES]
