"""Models as tools: what a method calls, with tokens and cost in the usage of each call.

A method is a plan, and whatever it pays for is a call of one of these. What a call has cost lies in the trace even
where it failed. Two calls of a model that samples are two replies; at temperature 0 one stands for both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ..grammar.diagnostics import Diagnostic, LimitExceeded, PlanError, PlanFailed, PlanRejected, ToolFailed
from ..grammar.edits import apply_edits
from ..grammar.fix import fix
from ..grammar.language import Signature
from ..grammar.program import Program
from ..grammar.vet import parse
from ..interpreter.journal import Journal
from ..models.errors import ContextExceeded, EmptyReply, ModelError
from ..models.reply import Reply, Usage
from ..quoting import one_line
from ..runtime.hooks import Hook
from ..runtime.nesting import RunContext
from ..runtime.tools import Reported, Tool, signatures_of, tool
from .answerer import Completes, more_room
from .decomposer import Decomposer
from .drafts import INPUTS, Draft, Drafted, DraftsRejected
from .metering import Meter, Metered, usage_of
from .plan_prompts import problems
from .planner import Planner
from .repairer import Repairer
from .sentinels import is_sentinel

T = TypeVar("T")

_LEAST_CONTENT = 1_000  # characters of a message that is not shortened any more
RERUN_TOPK = 10
"""Passages that the published code of PyRAG asks for the second time."""
TOLD = frozenset({"system", "user"})
"""Of whom the trace holds the messages to a model that splits a question, writes a plan, or mends one."""
FINAL = frozenset({"PLAN402", "PLAN413"})
"""Codes of failures that no other plan can mend: the time or the money is gone."""


@dataclass(frozen=True, slots=True)
class Models:
    """Which model plays which role.

    Attributes:
        answer: reads passages, and talks in the other methods.
        plan: writes plans.
        decompose: splits questions.
        repair: mends plans.
    """

    answer: Completes
    plan: Completes
    decompose: Completes
    repair: Completes

    @classmethod
    def of(
        cls,
        model: Completes,
        plan: Completes | None = None,
        decompose: Completes | None = None,
        repair: Completes | None = None,
    ) -> Models:
        """One model for all roles but for those that have their own; who writes plans mends them too."""
        return cls(model, plan or model, decompose or model, repair or plan or model)


def role_tools(
    models: Models,
    plan_tools: Mapping[str, Tool],
    *,
    constrained: str | None = None,
    adaptive: Hook | None = None,
) -> dict[str, Tool]:
    """The tools of a method that writes plans: `decompose`, `write_plan`, `mend_plan`, `run_plan`.

    Args:
        models: who plays which role.
        plan_tools: what the written plans may call.
        constrained: see `Drafter`; of the model that writes plans, which is then so for what it mends too.
        adaptive: a hook for the runs of written plans.
    """
    signatures = signatures_of(plan_tools)
    mending = constrained if models.repair is models.plan else None

    async def decompose(question: str) -> Reported:
        async def work(model: Completes) -> Any:
            return await Decomposer(model).decompose(question)

        found, usage = await metered("decompose", models.decompose, "split the question", work, TOLD)
        if found.fallback:
            usage["note"] = found.fallback
        return Reported(list(found.queries), usage)

    async def write_plan(
        question: str,
        queries: list[str],
        failed: str = "",
        problems: list[str] = [],  # noqa: B006
    ) -> Reported:
        async def work(model: Completes) -> Drafted:
            planner = Planner(model, tools=signatures, constrained=constrained)
            return await planner.plan(question, queries, [(failed, problems)] if failed else ())

        return await _drafted("plan", models.plan, "write the plan", work)

    async def mend_plan(question: str, source: str, problems: list[str]) -> Reported:
        async def work(model: Completes) -> Drafted:
            repairer = Repairer(model, tools=signatures, constrained=mending)
            return await repairer.repair(question, source, problems)

        return await _drafted("repair", models.repair, "write the repair", work)

    return {
        "decompose": _role(decompose, models.decompose),
        "write_plan": _role(write_plan, models.plan),
        "mend_plan": _role(mend_plan, models.repair),
        "run_plan": run_plan_tool(plan_tools, adaptive),
    }


def run_plan_tool(tools: Mapping[str, Tool], adaptive: Hook | None = None) -> Tool:
    """The tool `run_plan(source, boost)`: a plan that somebody wrote, run as a part of the question.

    It gives `ok`, `answer`, `source`, `problems` (for a prompt), `fixed` (the plan after the safe fixes of its failure;
    "" if there are none) and `flagged`: nodes of the retrieves that an answer without an answer came from. With `boost`
    nothing is taken over from earlier runs, and these nodes ask for `RERUN_TOPK` passages.
    """
    signatures = signatures_of(tools)

    async def run_plan(source: str, context: RunContext, boost: list[str] = []) -> dict[str, Any]:  # noqa: B006
        given = {name: value for name, value in context.inputs.items() if name in INPUTS}
        more: dict[str, Any] = {}
        if boost:
            more = {"journal": Journal(), "overrides": {node: {"topk": RERUN_TOPK} for node in boost}}
        try:
            program = parse(source, signatures, inputs=given)
            hooks = () if adaptive is None else (adaptive,)
            result = await context.arun(program, tools, inputs=given, hooks=hooks, **more)
            if is_nothing(result.final_answer):
                raise PlanFailed((no_answer(program, result.final_answer),))
        except (PlanRejected, PlanFailed, LimitExceeded) as failure:
            if failure.diagnostics[0].code in FINAL:
                raise
            wrong = problems(source, failure.diagnostics)
            fixed = _safely_fixed(source, failure, signatures)
            return {"ok": False, "answer": None, "source": source, "problems": wrong, "fixed": fixed, "flagged": []}
        return {
            "ok": True,
            "answer": result.final_answer,
            "source": source,
            "problems": [],
            "fixed": "",
            "flagged": flagged(result),
        }

    return tool(run_plan)


def chat_tool(model: Completes, schemas: Sequence[Any] = ()) -> Tool:
    """The tool `chat(messages, tools)`: one turn of a model.

    It gives `content` (without thinking), `calls` (`id`, `name`, `arguments`), `tokens`, `cut` (whether the reply was
    cut off) and `left`: what may still be spent, as `RunContext.left` has it. `messages` are those of the chat
    protocol; a `tool_calls` in them has the shape of `calls`. `schemas`: of the tools that it may be offered by name.
    """
    known = {each["function"]["name"]: each for each in schemas}

    async def chat(messages: list, context: RunContext, tools: list[str] = []) -> Reported:  # type: ignore[type-arg]  # noqa: B006
        async def work(metered_model: Completes) -> Reply:
            offered = [known[name] for name in tools if name in known]
            more = {"tools": offered, "tool_choice": "auto"} if offered else {}
            sent = [_as_sent(each) for each in messages]
            room = more_room(model)
            while True:
                try:
                    return await metered_model.acomplete(sent, **more)
                except EmptyReply:
                    if not room:
                        return NOTHING_SAID
                    more, room = {**more, **room}, {}
                except ContextExceeded:
                    sent = shorter(sent)
                    if not sent:
                        raise
                    notes.append("the longest messages were shortened to what the model can hold")

        notes: list[str] = []
        reply, usage = await metered("chat", model, "reply", work)
        if notes:
            usage["note"] = notes[0]
        calls = [{"id": each.id, "name": each.name, "arguments": dict(each.arguments)} for each in reply.calls]
        left = context.left
        tokens = None if left.tokens is None else max(0, left.tokens - (usage.get("tokens") or 0))
        cost = None if left.cost is None else max(0.0, left.cost - (usage.get("cost") or 0.0))
        value = {
            "content": reply.text,
            "calls": calls,
            "tokens": usage.get("tokens") or 0,
            "cut": reply.truncated,
            "left": {"calls": left.calls, "tokens": tokens, "cost": cost},
        }
        return Reported(value, {**usage, "raw": reply.raw_text})

    return _role(chat, model)


NOTHING_SAID = Reply(
    text="", raw_text="", finish_reason=None, usage=Usage(), cost=0.0, model="", attempts=1, elapsed=0.0, cached=False
)
"""A reply without a word: for a method to make something of."""


def shorter(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages whose longest content has lost its second half; none where nothing long is left."""
    made = [dict(each) for each in messages]
    longest = max(made, key=lambda each: len(str(each.get("content") or "")))
    content = str(longest.get("content") or "")
    if len(content) < _LEAST_CONTENT:
        return []
    longest["content"] = content[: len(content) // 2] + "\n[...]"
    return made


def complete_tool(model: Any) -> Tool:
    """The tool `complete(prompt, begun, stop, template)`: what a model says next in a turn that it has begun.

    The parameters are those of `ChatModel.acontinue`. It gives `text`, without the stop; `stop`, the one that ended it
    ("" for the end of the model's turn), inferred where the endpoint does not say which; and `cut`.
    """

    async def complete(
        prompt: str,
        begun: str = "",
        stop: list[str] = [],  # noqa: B006
        template: str = "{prompt}",
    ) -> Reported:
        async def work(metered_model: Any) -> Reply:
            try:
                return await metered_model.acontinue(prompt, begun, stop, template=template)  # type: ignore[no-any-return]
            except EmptyReply:
                return NOTHING_SAID

        reply, usage = await metered("complete", model, "go on with the text", work)
        text, ended = ended_by(reply.raw_text, reply.stop, stop, reply.finish_reason)
        return Reported({"text": text, "stop": ended, "cut": reply.truncated}, usage)

    return _role(complete, model)


def ended_by(text: str, said: str | None, stops: Sequence[str], reason: str | None) -> tuple[str, str]:
    """The text of a completion before its stop, and the stop.

    Endpoints drop the stop, keep it, or say which it was; some take no notice of stops at all. A stop in the text ends
    it there. Else, where the reply ended by itself, it was the end of the tag that was opened last; "" if none was.
    """
    at, found = min(((place, each) for each in stops if (place := text.find(each)) >= 0), default=(-1, ""))
    if at >= 0:
        return text[:at], found
    if said in stops:
        return text, str(said)
    if reason == "length":
        return text, ""
    opened = []
    for each in stops:
        opening = each.replace("</", "<", 1) if each.startswith("</") else each.replace("end_of", "begin_of")
        if opening != each and opening in text:
            opened.append((text.rfind(opening), each))
    return text, max(opened, default=(0, ""))[1]


# ------------------------------------------------------------------------ parts


async def metered(
    role: str, model: Any, work_of: str, work: Callable[[Any], Awaitable[T]], told: Container[str] = ()
) -> tuple[T, dict[str, Any]]:
    """What a model in a role makes, and the usage of the call; `told` is that of `usage_of`.

    Raises `ToolFailed` where the model cannot be asked.
    """
    meter = Meter()
    try:
        made = await work(meter.of(role, model))
    except ModelError as error:
        failed = ToolFailed((Diagnostic("PLAN500", f"the model that was to {work_of} failed",
                                        notes=(one_line(str(error)),)),))  # fmt: skip
        failed.__dict__["usage"] = usage_of(meter, role, told)
        raise failed from error
    except DraftsRejected as rejected:
        rejected.__dict__["usage"] = usage_of(meter, role, told)
        raise
    return made, usage_of(meter, role, told)


def _role(function: Callable[..., Any], model: Any) -> Tool:
    """A tool of a model. What is sampled may come out otherwise each time."""
    return tool(function, idempotent=getattr(model, "temperature", None) == 0)


async def _drafted(
    role: str, model: Completes, work_of: str, work: Callable[[Metered], Awaitable[Drafted]]
) -> Reported:
    try:
        found, usage = await metered(role, model, work_of, work, TOLD)
    except DraftsRejected as rejected:
        last = rejected.drafts[-1]
        usage = {**rejected.__dict__["usage"], **_draft_notes(rejected.drafts)}
        wrong = problems(last.source, rejected.diagnostics)
        return Reported({"ok": False, "source": last.source, "problems": wrong}, usage)
    return Reported({"ok": True, "source": found.source, "problems": []}, {**usage, **_draft_notes(found.drafts)})


def _draft_notes(drafts: Sequence[Draft]) -> dict[str, Any]:
    """What became of the drafts: the programs that were dropped, and what was mended in the last."""
    notes: dict[str, Any] = {}
    dropped = [draft.source for draft in drafts if draft.program is None]
    if dropped:
        notes["dropped"] = dropped
        notes["reasons"] = [
            f"{draft.diagnostics[0].code} {one_line(draft.diagnostics[0].message)}" if draft.diagnostics else "cut off"
            for draft in drafts
            if draft.program is None
        ]
    if drafts[-1].fixes:
        notes["fixes"] = [_told(each) for each in drafts[-1].fixes]
    if any(draft.free for draft in drafts):
        notes["note"] = "the server did not constrain the reply to plans"
    return notes


def _told(applied: Any) -> str:
    lines = sorted({edit.span.line for edit in applied.edits})
    return str(applied.title) + (f" (line {', '.join(map(str, lines))})" if lines else "")


def _safely_fixed(source: str, failure: PlanError, signatures: Mapping[str, Signature]) -> str:
    """The plan after the safe fixes of its failure; "" if there are none."""
    edits = [
        edit
        for found in failure.diagnostics
        for each in found.fixes
        if each.applicability == "safe"
        for edit in each.edits
    ]
    if not edits:
        return ""
    mended: Program | None = fix(apply_edits(source, edits), dict(signatures), inputs=INPUTS).program
    return str(mended.source) if mended is not None and mended.source != source else ""


def flagged(result: Any) -> list[str]:
    """As the published code does: each sentinel flags the last retrieve before it; if none does and the final answer is
    one, the last retrieve."""
    nodes: dict[str, None] = {}
    last = None
    for call in result.calls:
        if call.tool == "retrieve":
            last = call
        elif call.tool == "answer" and last is not None and _is_sentinel(call.result):
            nodes[last.node] = None
    if not nodes and last is not None and _is_sentinel(result.final_answer):
        nodes[last.node] = None
    return [call.node for call in result.calls if call.node in nodes and call.arguments["topk"] < RERUN_TOPK]


def _is_sentinel(value: Any) -> bool:
    return isinstance(value, str) and is_sentinel(value)


def is_nothing(value: Any) -> bool:
    """Whether an answer is none: None, or a text with nothing in it."""
    return value is None or (isinstance(value, str) and not value.strip())


def no_answer(program: Program | None, value: Any) -> Diagnostic:
    """What is wrong with a plan whose answer is nothing."""
    shown = "None" if value is None else "an empty text"
    return Diagnostic(
        "PLAN310",
        f"the plan ended and its answer is {shown}",
        program.body[-1].span if program is not None and program.body else None,
    )


def _as_sent(message: Any) -> dict[str, Any]:
    """A message as the chat protocol has it."""
    import json

    made = dict(message)
    if made.get("tool_calls"):
        made["tool_calls"] = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": json.dumps(call["arguments"])},
            }
            for call in made["tool_calls"]
        ]
    return made
