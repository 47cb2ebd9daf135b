"""Drafts: asking a model for a plan until what comes back is one.

Each reply is opened (``extract_code``), mended where that is beyond doubt (``fix``) and vetted. What is still wrong
goes back to the model with the program it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..decoding import SHAPES, Recogniser, constrained_fields, plan_rules, server_and_level
from ..grammar.diagnostics import Diagnostic, Fix, PlanRejected
from ..grammar.extract import extract_code
from ..grammar.fix import fix, look
from ..grammar.language import DEFAULT_SIGNATURES, Signature
from ..grammar.program import Program
from ..models.errors import BadReply, ContextExceeded, EmptyReply
from ..models.reply import Reply
from ..quoting import one_line
from .answerer import Completes, more_room
from .plan_prompts import Messages, with_feedback, without_reply

INPUTS = frozenset({"question"})  # what a plan that a model writes may read
_RECOGNISED = 8_192  # characters of a reply that is read by the grammar
_SHOWN = 120  # characters of a reply that holds no plan


@dataclass(frozen=True, slots=True)
class Draft:
    """One program that a model wrote, and what became of it.

    source: the code, after its fixes. program: the plan; None where it was rejected. fixes: the safe fixes that were
    applied. diagnostics: what is wrong, or warnings. truncated: whether the reply was cut off. free: whether it was to
    be decoded by the grammar of plans and was not, so that the server took no notice of the grammar.
    """

    source: str
    program: Program | None
    fixes: tuple[Fix, ...]
    diagnostics: tuple[Diagnostic, ...]
    truncated: bool = False
    free: bool = False


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
        found = list(drafts[-1].diagnostics)
        if found and found[0].code == "PLAN117":
            tries = "1 try" if len(drafts) == 1 else f"{len(drafts)} tries"
            begins = one_line(drafts[-1].source[:_SHOWN])
            found[0] = replace(
                found[0], message=f"the model wrote no plan in {tries}", notes=(f"its last reply begins: {begins}",)
            )
        super().__init__(tuple(found))
        self.drafts = drafts


class Drafter:
    """Asks one model for plans. The base of ``Planner`` and ``Repairer``.

    model: a ``ChatModel`` or anything with its ``acomplete``. tools: the signatures that plans are vetted against.
    tries: requests before it gives up. constrained: the server behind the model ("vllm", "sglang", "llama.cpp"), if it
    is to decode by the grammar of plans: by level wide, or by the level behind a colon ("vllm:safe"). Some servers take
    no notice of the field: each reply is vetted all the same, and a draft says where its reply cannot have been decoded
    so (`Draft.free`).
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
        self.shape = ""
        self.recogniser: Recogniser | None = None
        if constrained is not None:
            _, level = server_and_level(constrained)
            self.overrides["extra_body"] = constrained_fields(constrained, self.tools)
            self.shape = SHAPES[level]
            self.recogniser = Recogniser(plan_rules(level, self.tools))

    async def draft(self, messages: Messages) -> Drafted:
        """Ask until a reply holds a plan.

        Raises ``DraftsRejected`` (a ``PlanRejected``) where none did; ``ModelError`` where the model cannot be
        reached, or where nothing that it sent could be read.
        """
        drafts: list[Draft] = []
        if self.shape:
            messages = ({**messages[0], "content": f"{messages[0]['content']}\n\n{self.shape}"}, *messages[1:])
        asked = messages
        more: dict[str, Any] = {}
        for turn in range(1, self.tries + 1):
            try:
                reply = await self.ask(asked, more)
            except BadReply as error:
                if turn == self.tries and not drafts:
                    raise
                asked = without_reply(messages) if not drafts else asked
                more = more_room(self.model) if isinstance(error, EmptyReply) else {}
                continue
            except ContextExceeded:
                # It is the feedback that made it too long: asked afresh, the model may do better.
                if not drafts:
                    raise
                asked, more = messages, {}
                continue
            draft = self.read(reply.text, reply.truncated)
            drafts.append(draft)
            if draft.program is not None:
                return Drafted(draft.program, tuple(drafts), turn)
            more = more_room(self.model) if draft.truncated else {}
            asked = with_feedback(messages, draft.source, draft.diagnostics, draft.truncated)
        raise DraftsRejected(tuple(drafts))

    async def ask(self, messages: Messages, more: Mapping[str, Any]) -> Reply:
        """One reply, with more room if that was too little before and the model has it."""
        if more:
            try:
                return await self.model.acomplete(list(messages), **self.overrides, **more)
            except ContextExceeded:
                pass
        return await self.model.acomplete(list(messages), **self.overrides)

    @staticmethod
    def is_free(recogniser: Recogniser, reply: str, truncated: bool) -> bool:
        """Whether a reply cannot have been decoded by the grammar. A very long one is not looked at."""
        if len(reply) > _RECOGNISED:
            return False
        return not (recogniser.begins(reply) if truncated else recogniser.reads(reply))

    def read(self, reply: str, truncated: bool = False) -> Draft:
        """The program in a reply, mended and vetted. One that never says what its answer is is rejected too."""
        free = self.recogniser is not None and self.is_free(self.recogniser, reply.strip(), truncated)
        if truncated:
            code = extract_code(reply)
            _, found = look(code, self.tools, inputs=INPUTS)
            if any(each.code == "PLAN211" or each.phase == "syntax" for each in found):
                # What is missing was cut off, and is nobody's to guess.
                return Draft(code, None, (), found, truncated, free)
        fixed = fix(reply, self.tools, inputs=INPUTS)
        silent = any(each.code == "PLAN211" for each in fixed.remaining)
        return Draft(fixed.text, None if silent else fixed.program, fixed.applied, fixed.remaining, truncated, free)
