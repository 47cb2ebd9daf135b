"""Takes a model's reply apart at fences, tags and thoughts, and puts the plan together from the parts.

Several fences are either the steps of one plan, in order, or drafts of it, of which the last complete one is taken. The
names that each fence binds and reads decide which is the case.
"""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import dataclass

from .surface import CODE_LINE, MAX_LINE, MAX_PLAN, has_code, parses, tree_of

MAX_STUDIED = 200


_PYTHON = {
    "python",
    "py",
    "python2",
    "python3",
    "py3",
    "ipython",
    "ipython3",
    "pycon",
    "python-repl",
    "pyrag",
    "plan",
}
_NEUTRAL = {"", "plaintext", "plain", "text", "txt", "code", "none", "output", "tool_code"}
_EVENT = re.compile(
    r"""(?P<fence>^(?P<lead>[ \t]*(?:>[ \t]?)*(?:(?:[-*+•]|\d{1,3}[.)])[ \t]+)?)
        (?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)$)
    |(?P<tail>(?<!`)```(?P<tail_info>(?:python|py)3?)[ \t]*$)
    |(?P<thought><(?P<thought_end>/?)(?P<thought_name>think|thinking|thought|thoughts|reasoning|scratchpad)>)
    |(?P<tag><(?P<tag_name>code|plan|python|program|script|execute)(?:[ ][^<>\n]{0,200})?>
        |<\|python_tag\|>|\[PYTHON\])""",
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
END_OF_TURN = r"<\|(?:eom_id|eot_id|im_end|end|endoftext|eos)\|>"


@dataclass(frozen=True, slots=True)
class Block:
    """One marked part of a reply: its language, its text, and the prose between the previous block and this one."""

    language: str
    text: str
    before: str


@dataclass(frozen=True, slots=True)
class ReplyParts:
    """The parts of a reply: its blocks, the visible text outside thoughts, and the thoughts."""

    blocks: tuple[Block, ...]
    visible: str
    thoughts: str


def _find(pattern: str, text: str, start: int) -> tuple[int, int]:
    """The start and end of the next match of `pattern`, or the end of the text twice."""
    match = re.compile(pattern, re.IGNORECASE | re.MULTILINE).search(text, start)
    return match.span() if match else (len(text), len(text))


def _scan(text: str) -> ReplyParts:
    """Take a reply apart from left to right. A part that opens first owns the text up to its end."""
    blocks: list[Block] = []
    visible: list[str] = []
    thoughts: list[str] = []
    position = since = 0
    endless: set[str] = set()
    while match := _EVENT.search(text, position):
        if match["thought"]:
            name = match["thought_name"].lower()
            if match["thought_end"]:
                # A chat template may have opened the thought in the prompt, so the text so far is a thought.
                thoughts.append("".join(visible) + text[since : match.start()])
                blocks, visible, position = [], [], match.end()
            else:
                visible.append(text[since : match.start()])
                end, position = _find(rf"</{name}>", text, match.end())
                thoughts.append(text[match.end() : end])
            since = position
            continue
        if match["tag"]:
            name = (match["tag_name"] or match["tag"]).lower()
            closing = {"[python]": r"\[/PYTHON\]", "<|python_tag|>": END_OF_TURN}.get(name, rf"</{name}>")
            if name in endless:
                position = match.end()
                continue
            end, after = _find(closing, text, match.end())
            if end == len(text):
                endless.add(name)
            body, language = text[match.end() : end], "python"
            if not has_code(body) and "```" not in body:
                position = match.end() if end == len(text) else after
                continue
        else:
            body, language, after = _fenced(text, match)
        blocks.append(Block(language, body, text[since : match.start()]))
        visible.append(text[since:after])
        position = since = after
    visible.append(text[since:])
    return ReplyParts(tuple(blocks), "".join(visible), "\n".join(thoughts))


def _fenced(text: str, match: re.Match[str]) -> tuple[str, str, int]:
    """The body of the fence that `match` opens, its language, and the index where the text continues."""
    mark, lead = match["mark"] or "```", match["lead"] or ""
    info = (match["info"] if match["fence"] else match["tail_info"]).strip()
    if len(info) > len(mark) and info.endswith(mark):
        inline = re.match(r"(?:(\w+)(?:[ \t]+|$))?(.*)", info.rstrip("`~"))
        if inline:
            known = (inline[1] or "").lower() in _PYTHON | _NEUTRAL
            return (
                (inline[2] if known else info.rstrip("`~")),
                (inline[1] or "") if known else "",
                match.end(),
            )
    language = re.sub(r"^[{.]+|[^\w+#-].*$", "", info.split(" ")[0]).lower()
    first = info if CODE_LINE.match(info[:MAX_LINE]) and " = " in info else info[len(language) :].strip()
    first = first + "\n" if " = " in first and CODE_LINE.match(first[:MAX_LINE]) else ""
    start = min(len(text), match.end() + 1)

    def body(end: int) -> str:
        return first + _outdent(text[start:end], lead)

    quote = "`" if mark[0] == "`" else "~"
    ends = re.compile(
        rf"^[ \t>]*(?:{quote}{{{len(mark)},}}[ \t]*$|(?={re.escape(mark)}[ \t]*(?:python|py)3?\b))",
        re.MULTILINE,
    )
    spans: list[tuple[int, int]] = []
    for closing in ends.finditer(text, start):
        spans.append(closing.span())
        # A fence mark on a line of its own inside a triple-quoted string closes nothing.
        if len(spans) == 4 or not re.search("\"\"\"|'''", text[start : closing.start()][-MAX_PLAN:]):
            break
    if not spans:
        # Models close the fence on the last line of code, or never.
        tail = re.compile(rf"{re.escape(mark)}[ \t]*$", re.MULTILINE).search(text, start)
        if tail and parses(body(len(text))):
            tail = None  # the mark is in a comment
        if tail and (parses(body(tail.start())) or not text[tail.end() :].strip()):
            return body(tail.start()), language, tail.end()
        return body(len(text)), language, len(text)
    chosen = next((s for s in spans if len(spans) > 1 and parses(body(s[0]))), spans[0])
    return body(chosen[0]), language, chosen[1]


def _outdent(text: str, lead: str) -> str:
    """Remove the indentation (or the quote marks) of a fence from the lines inside it."""
    if ">" in lead:
        return re.sub(r"^[ \t]*>[ \t]?", "", text, flags=re.MULTILINE)
    return re.sub(rf"^[ \t]{{1,{len(lead)}}}", "", text, flags=re.MULTILINE) if lead else text


_RESULTS = {"final_answer", "final"}
_CORRECTION = re.compile(
    r"""\b(?:correct(?:ed|ion|ing)?|fix(?:ed|ing)?|revis(?:ed|ion)|updated?|improved?|rewrit\w*|instead|wait|oops
    |sorry|mistake|actually|better|alternative(?:ly)?|putting|together|combined|refined|again
    |(?:complete|full|final|whole)[ ](?:\w+[ ])?(?:code|plan|program|version|script))\b""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class BlockNames:
    """The names in a piece of a plan.

    Attributes:
        bound: the names that it binds.
        free: the names that it reads before it binds them.
        result: whether it sets the plan's result.
        hop: whether it does more than set a result.
    """

    bound: frozenset[str]
    free: frozenset[str]
    result: bool
    hop: bool


def _names(text: str) -> BlockNames:
    tree = tree_of(text)
    if tree is None:
        words = frozenset(re.findall(r"[A-Za-z_]\w*", text[:MAX_PLAN]))
        bound = frozenset(re.findall(r"^[ \t]*([A-Za-z_]\w*)[ \t]*=(?!=)", text[:MAX_PLAN], re.MULTILINE))
        return BlockNames(bound, words - bound, bool(bound & _RESULTS), bool(bound - _RESULTS))
    known: set[str] = set()
    free: set[str] = set()
    for statement in tree.body:
        loads: set[str] = set()
        stores: set[str] = set()
        for node in ast.walk(statement):
            if isinstance(node, ast.Name):
                (loads if isinstance(node.ctx, ast.Load) else stores).add(node.id)
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                stores.add(node.name)
            elif isinstance(node, ast.arg):
                stores.add(node.arg)
            elif isinstance(node, ast.alias):
                stores.add((node.asname or node.name).split(".")[0])
        own = {n.id for n in getattr(statement, "targets", ()) if isinstance(n, ast.Name)}
        free |= loads - known - (stores - own)
        known |= stores
    return BlockNames(frozenset(known), frozenset(free), _binds_result(tree), bool(known - _RESULTS))


def _binds_result(tree: ast.Module) -> bool:
    """Whether a plan sets its result to more than a placeholder, or returns one."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Return):
            return True
        if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Constant):
            names = {n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
            if names & _RESULTS:
                return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            pending.extend(ast.iter_child_nodes(node))
    return False


def _placement(group: BlockNames, block: BlockNames, between: str) -> str:
    """Whether a block continues the plan ("append"), begins it again ("restart") or is not a part of it."""
    leans = bool(block.free & group.bound)
    shared = len(block.bound & group.bound)
    corrects = bool(_CORRECTION.search(between[-MAX_LINE:]))
    mostly = shared > 0 and 2 * shared >= len(group.bound)
    if not block.result:
        if group.result:
            return "append" if leans and not corrects else "ignore"
        return "restart" if corrects and mostly and not leans else "append"
    if not block.hop:
        return "append" if leans or not group.result else "restart"
    if not leans:
        return "restart"
    return "restart" if (group.result and mostly) or (corrects and shared) else "append"


def _assemble(blocks: list[Block]) -> str:
    """Put one plan together from blocks: the steps in order, or the last complete draft."""
    texts = [b.text.strip("\n") for b in blocks]
    joined = "\n\n".join(texts)
    if len(blocks) == 1 or len(blocks) > MAX_STUDIED or len(joined) > 4 * MAX_PLAN:
        return joined
    texts = [text if parses(text) else textwrap.dedent(text) for text in texts]
    joined = "\n\n".join(texts)
    if parses(joined) and any(not parses(text) for text in texts):
        return joined
    group, names = [texts[0]], _names(texts[0])
    for block, text in zip(blocks[1:], texts[1:], strict=True):
        more = _names(text)
        match _placement(names, more, block.before):
            case "append":
                group.append(text)
                names = BlockNames(
                    names.bound | more.bound,
                    names.free | (more.free - names.bound),
                    names.result or more.result,
                    names.hop or more.hop,
                )
            case "restart":
                group, names = [text], more
    return "\n\n".join(group)


def _choose(blocks: tuple[Block, ...]) -> str | None:
    """The plan in the blocks of a reply, or None without blocks. Blocks of Python are preferred to all others."""
    filled = [b for b in blocks if b.text.strip()]
    neutral = [b for b in filled if b.language in _NEUTRAL and has_code(b.text)]
    python = [b for b in filled if b.language in _PYTHON]
    if python and len(filled) <= MAX_STUDIED:
        python = [b for b in filled if b in python or (b in neutral and parses(b.text))]
    chosen = python or neutral or [b for b in filled if has_code(b.text)] or filled[:1]
    return _assemble(chosen) if chosen else None


def open_blocks(text: str) -> str | None:
    """The plan in fences and tags; without these, the reply without its thoughts, or the thoughts if they hold code."""
    found = _scan(text)
    plan = _choose(found.blocks)
    if plan is not None or not found.thoughts:
        return plan
    if has_code(found.visible) or not (has_code(found.thoughts) or not found.visible.strip()):
        return found.visible.strip("\n")
    return found.thoughts.strip("\n")
