"""Drafts: a model is asked until its reply is a plan.

The plan is taken out of each reply (`extract_code`), safe fixes are applied (`fix`), and it is vetted. The model gets
the remaining problems together with its program.
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

INPUTS = frozenset({"question"})  # the inputs of a plan that a model writes
_RECOGNISED = 8_192  # the longest reply, in characters, that is compared with the grammar
_SHOWN = 120  # characters of a reply without a plan that are shown


@dataclass(frozen=True, slots=True)
class Draft:
    """One program that a model wrote, after fixes and vetting.

    Attributes:
        source: the code, after its fixes.
        program: the program; None if it was rejected.
        fixes: the safe fixes that were applied.
        diagnostics: the errors or warnings.
        truncated: whether the reply was cut off.
        free: whether the reply should have been decoded by the grammar of plans and was not, because the server ignored
            the grammar.
    """

    source: str
    program: Program | None
    fixes: tuple[Fix, ...]
    diagnostics: tuple[Diagnostic, ...]
    truncated: bool = False
    free: bool = False


@dataclass(frozen=True, slots=True)
class Drafted:
    """A plan, with all drafts; the accepted one is the last."""

    program: Program
    drafts: tuple[Draft, ...]
    replies: int

    @property
    def source(self) -> str:
        """The text of the plan."""
        return self.program.source


class DraftsRejected(PlanRejected):
    """No reply held a plan; `drafts` are all drafts, and `diagnostics` those of the last one."""

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
    """Asks one model for plans. It is the base of `Planner` and `Repairer`.

    Args:
        model: a `ChatModel`, or an object with its `acomplete`.
        tools: the signatures with which plans are vetted.
        tries: the largest number of requests.
        constrained: the server of the model ("vllm", "sglang", "llama.cpp") if it is to decode by the grammar of plans,
            at level wide or at the level after a colon ("vllm:safe"). Some servers ignore the grammar; therefore each
            reply is vetted, and `Draft.free` tells that a reply cannot have been decoded by the grammar.
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

        Raises:
            DraftsRejected: no reply held a plan.
            ModelError: the model cannot be reached, or no reply could be read.
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
                # The feedback has made the prompt too long, so the model is asked without it.
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
        """One reply, with `more` room for it if the context of the model allows that."""
        if more:
            try:
                return await self.model.acomplete(list(messages), **self.overrides, **more)
            except ContextExceeded:
                pass
        return await self.model.acomplete(list(messages), **self.overrides)

    @staticmethod
    def is_free(recogniser: Recogniser, reply: str, truncated: bool) -> bool:
        """Whether a reply cannot have been decoded by the grammar. Very long replies are not checked."""
        if len(reply) > _RECOGNISED:
            return False
        return not (recogniser.begins(reply) if truncated else recogniser.reads(reply))

    def read(self, reply: str, truncated: bool = False) -> Draft:
        """The program in a reply, after fixes and vetting. A program that never sets its answer is rejected too."""
        free = self.recogniser is not None and self.is_free(self.recogniser, reply.strip(), truncated)
        if truncated:
            code = extract_code(reply)
            _, found = look(code, self.tools, inputs=INPUTS)
            if any(each.code == "PLAN211" or each.phase == "syntax" for each in found):
                # The missing part was cut off, so a fix would be a guess.
                return Draft(code, None, (), found, truncated, free)
        fixed = fix(reply, self.tools, inputs=INPUTS)
        silent = any(each.code == "PLAN211" for each in fixed.remaining)
        return Draft(fixed.text, None if silent else fixed.program, fixed.applied, fixed.remaining, truncated, free)
