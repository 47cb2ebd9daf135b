"""Drafts: asking a model for a plan until what comes back is one.

Each reply is opened (``extract_code``), mended where that is beyond doubt (``fix``) and vetted. What is still wrong
goes back to the model with the program it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyrag_dsl.agents.answerer import Completes
from pyrag_dsl.agents.models.errors import BadReply
from pyrag_dsl.agents.plan_prompts import Messages, with_feedback, without_reply
from pyrag_dsl.grammar.decoding import SHAPE, constrained_fields
from pyrag_dsl.grammar.diagnostics import Diagnostic, Fix, PlanRejected
from pyrag_dsl.grammar.extract import extract_code
from pyrag_dsl.grammar.fix import fix, look
from pyrag_dsl.grammar.language import DEFAULT_SIGNATURES, Signature
from pyrag_dsl.grammar.program import Program


@dataclass(frozen=True, slots=True)
class Draft:
    """One program that a model wrote, and what became of it.

    source: the code, after its fixes. program: the plan; None where it was rejected. fixes: the safe fixes that were
    applied. diagnostics: what is wrong, or warnings. truncated: whether the reply was cut off.
    """

    source: str
    program: Program | None
    fixes: tuple[Fix, ...]
    diagnostics: tuple[Diagnostic, ...]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Drafted:
    """A plan, and the drafts that led to it, the accepted one last."""

    program: Program
    drafts: tuple[Draft, ...]
    replies: int

    @property
    def source(self) -> str:
        """The text of the plan."""
        return self.program.source


class DraftsRejected(PlanRejected):
    """No reply held a plan. ``drafts``: all that were made; ``diagnostics``: of the last."""

    def __init__(self, drafts: tuple[Draft, ...]) -> None:
        super().__init__(drafts[-1].diagnostics)
        self.drafts = drafts


class Drafter:
    """Asks one model for plans. The base of ``Planner`` and ``Repairer``.

    model: a ``ChatModel`` or anything with its ``acomplete``. tools: the signatures that plans are vetted against.
    tries: requests before it gives up. constrained: the server behind the model ("vllm", "sglang", "llama.cpp"), if it
    is to decode by the grammar of plans; what it sends is vetted all the same.
    """

    def __init__(
        self,
        model: Completes,
        *,
        tools: Mapping[str, Signature] | None = None,
        tries: int = 3,
        constrained: str | None = None,
    ) -> None:
        if tries < 1:
            raise ValueError("tries must be at least 1")
        self.model = model
        self.tools = dict(DEFAULT_SIGNATURES if tools is None else tools)
        self.tries = tries
        self.overrides: dict[str, Any] = {}
        if constrained is not None:
            self.overrides["extra_body"] = constrained_fields(constrained, self.tools)

    async def draft(self, messages: Messages) -> Drafted:
        """Ask until a reply holds a plan.

        Raises ``DraftsRejected`` (a ``PlanRejected``) where none did; ``ModelError`` where the model cannot be
        reached, or where nothing that it sent could be read.
        """
        drafts: list[Draft] = []
        if self.overrides:
            messages = ({**messages[0], "content": f"{messages[0]['content']}\n\n{SHAPE}"}, *messages[1:])
        asked = messages
        for turn in range(1, self.tries + 1):
            try:
                reply = await self.model.acomplete(list(asked), **self.overrides)
            except BadReply:
                if turn == self.tries and not drafts:
                    raise
                asked = without_reply(messages) if not drafts else asked
                continue
            draft = self.read(reply.text, reply.truncated)
            drafts.append(draft)
            if draft.program is not None:
                return Drafted(draft.program, tuple(drafts), turn)
            asked = with_feedback(messages, draft.source, draft.diagnostics, draft.truncated)
        raise DraftsRejected(tuple(drafts))

    def read(self, reply: str, truncated: bool = False) -> Draft:
        """The program in a reply, mended and vetted. One that never says what its answer is is rejected too."""
        if truncated:
            code = extract_code(reply)
            _, found = look(code, self.tools)
            if any(each.code == "PLAN211" or each.phase == "syntax" for each in found):
                return Draft(code, None, (), found, truncated)  # what is missing was cut off, and is nobody's to guess
        fixed = fix(reply, self.tools)
        silent = any(each.code == "PLAN211" for each in fixed.remaining)
        return Draft(fixed.text, None if silent else fixed.program, fixed.applied, fixed.remaining, truncated)
