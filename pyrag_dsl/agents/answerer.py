"""The answer role: a model that reads passages and answers one question; the `answer` tool of a plan.

answerer = Answerer(ChatModel("qwen", "http://127.0.0.1:8000/v1"))
result = pyrag_dsl.run(plan, tools={"retrieve": ..., "answer": answerer.answer})
answerer.usage, answerer.cost
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ..models.errors import ContextExceeded, EmptyReply, ModelError
from ..models.reply import Reply, Usage
from ..quoting import one_line
from ..runtime.tools import Reported, Tool, tool
from .metering import Meter, usage_of
from .prompts import (
    NO_ANSWER,
    RETRY_NOTE,
    AnswerPrompt,
    PromptLimits,
    answer_prompt,
    is_cut,
    read_answer,
)

_LEAST_PASSAGES = 400  # characters of all passages below which they are not shortened


_TOLD = frozenset({"system"})
"""What the trace holds of the prompts: the rest of them is the question and the documents, arguments of the call."""


class Completes(Protocol):
    """The part of a model that an answerer needs; `ChatModel` has it."""

    async def acomplete(self, messages: Sequence[dict[str, str]], **overrides: Any) -> Reply:
        """Send messages and return the reply."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredCall:
    """An answer, with its replies and their cost.

    Attributes:
        text: the answer, which is the value of the tool.
        raw: the whole reply.
        usage: the tokens of all requests for this answer.
        cost: the cost of these requests; None if one is unknown.
        citations: the passage numbers in the reply.
        bad_citations: the numbers among them that no passage has.
        truncated: whether the reply was cut off at the token limit.
        cached: whether the reply came from the response cache.
        replies: the number of replies, 1 or 2.
        failed: whether no reply held a whole answer; `text` is then the sentinel `NO_ANSWER`.
        shortened: whether passages were cut to fit the context of the model.
        elapsed: the time in seconds.
    """

    text: str
    raw: str
    usage: Usage
    cost: float | None
    citations: tuple[int, ...]
    bad_citations: tuple[int, ...]
    truncated: bool
    cached: bool
    replies: int
    failed: bool
    shortened: bool
    elapsed: float


class Answerer:
    """Answers questions with one model. Many tasks and threads may use one answerer.

    Args:
        model: a `ChatModel`, or an object with its `acomplete`.
        limits: the sizes of the prompt; they shrink if the endpoint says that its context is shorter.
        always: whether a question without passages must be answered in any case, as benchmarks that count exact matches
            need it.
        max_answer_chars: the largest number of characters of an answer. Answers become parts of later questions, so
            they should not be pages of text.
    """

    def __init__(
        self,
        model: Completes,
        *,
        limits: PromptLimits | None = None,
        always: bool = False,
        max_answer_chars: int = 2_000,
    ) -> None:
        self.model = model
        self.always = always
        self.limits = limits or PromptLimits()
        self.max_answer_chars = max_answer_chars
        self._lock = threading.Lock()
        self._usage = Usage()
        self._cost: float | None = 0.0
        self._calls = 0

    @property
    def usage(self) -> Usage:
        """The tokens of all requests so far, without those from the cache."""
        return self._usage

    @property
    def cost(self) -> float | None:
        """The cost of all requests so far; None as soon as one of them is unknown."""
        return self._cost

    @property
    def calls(self) -> int:
        """The number of replies so far, including those from the cache."""
        return self._calls

    async def answer(self, query: str, docs: list[str] | None = None) -> str:
        """Answer `query` from `docs`, or without documents. This is the `answer` tool.

        After two replies without a whole answer, it returns the sentinel `NO_ANSWER`, so that weak replies do not end a
        question that other calls may settle.

        Raises:
            ModelError: the model cannot be used.
        """
        return (await self.ask(query, docs)).text

    async def ask(
        self, query: str, docs: Sequence[str] | str | None = None, *, model: Completes | None = None
    ) -> AnsweredCall:
        """`answer` with its replies and cost; `model` is asked in place of the answerer's own."""
        model = model or self.model
        prompt = answer_prompt(query, docs, self.limits, always=self.always)
        messages = list(prompt.messages)
        more: dict[str, Any] = {}
        usage, elapsed = Usage(), 0.0
        cost: float | None = 0.0
        reply: Reply | None
        turn, shortened = 1, False
        while True:
            try:
                reply = await model.acomplete(messages, **more)
            except ContextExceeded:
                # Either the room for the reply is too large, or the passages are.
                if not more:
                    tighter = _tighter(self.limits, docs)
                    if tighter is None:
                        raise
                    self.limits, shortened = tighter, True
                    prompt = answer_prompt(query, docs, tighter, always=self.always)
                    messages = list(prompt.messages) if turn == 1 else _again(prompt)
                more = {}
                continue
            except EmptyReply:
                self._count(Usage(known=False), None)
                usage, cost = usage + Usage(known=False), None
                reply, cut = None, True
            else:
                self._count(Usage() if reply.cached else reply.usage, reply.cost)
                usage, elapsed = usage + reply.usage, elapsed + reply.elapsed
                cost = None if cost is None or reply.cost is None else cost + reply.cost
                cut = reply.truncated
            read = read_answer("" if reply is None else reply.text, prompt.passages, limit=self.max_answer_chars)
            whole = reply is not None and bool(read.text) and not (cut and is_cut(reply.text))
            if whole or turn == 2:
                break
            turn, messages = 2, _again(prompt)
            more = more_room(self.model) if cut else {}
        return AnsweredCall(
            text=read.text if whole else NO_ANSWER,
            raw="" if reply is None else reply.raw_text,
            usage=usage,
            cost=cost,
            citations=read.citations if whole else (),
            bad_citations=read.bad_citations if whole else (),
            truncated=reply is not None and reply.truncated,
            cached=reply is not None and reply.cached,
            replies=turn,
            failed=not whole,
            shortened=shortened,
            elapsed=elapsed,
        )

    def _count(self, usage: Usage, cost: float | None) -> None:
        with self._lock:
            self._calls += 1
            self._usage = self._usage + usage
            self._cost = None if cost is None or self._cost is None else self._cost + cost


def answer_tool(model: Completes, limits: PromptLimits | None = None, *, always: bool = False) -> Tool:
    """The `answer` tool of a model. Tokens, cost, citations, the fixed prompt and the whole reply go into the trace."""
    answerer = Answerer(model, limits=limits, always=always)

    async def answer(query: str, docs: list[str] | None = None) -> Reported:
        meter = Meter()
        try:
            asked = await answerer.ask(query, docs, model=meter.of("answer", model))
        except ModelError as error:
            # The text is made for people and holds no credentials, so the trace may show it.
            error.__dict__["public_message"] = one_line(str(error))
            error.__dict__["usage"] = usage_of(meter, "answer", _TOLD)
            raise
        usage: dict[str, Any] = {"raw": asked.raw, **usage_of(meter, "answer", _TOLD)}
        notes = [
            *(["two replies held no whole answer"] if asked.failed else []),
            *(["passages were shortened to what the model can hold"] if asked.shortened else []),
        ]
        if notes:
            usage["note"] = "; ".join(notes)
        if asked.citations:
            usage["citations"] = list(asked.citations)
        return Reported(asked.text, usage)

    # Sampled replies may differ, so two equal calls are two votes.
    return tool(answer, "answer", idempotent=getattr(model, "temperature", None) == 0)


def more_room(model: Completes) -> dict[str, Any]:
    """The override that doubles the length of a reply, if the model has a limit."""
    most = getattr(model, "max_tokens", None)
    return {"max_tokens": 2 * most} if type(most) is int else {}


def _tighter(limits: PromptLimits, docs: Sequence[str] | str | None) -> PromptLimits | None:
    """Limits of half the size of these passages; None if they cannot be shortened further."""
    passages = [docs] if isinstance(docs, str) else list(docs or ())
    taken = min(sum(min(len(passage), limits.passage_chars) for passage in passages), limits.total_chars)
    if taken < _LEAST_PASSAGES:
        return None
    return replace(limits, total_chars=taken // 2)


def _again(prompt: AnswerPrompt) -> list[dict[str, str]]:
    """The messages, with a note about the problem of the last reply."""
    *first, last = prompt.messages
    return [*first, {**last, "content": last["content"] + "\n\n" + RETRY_NOTE}]
