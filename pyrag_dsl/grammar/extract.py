"""Finds the plan inside a model's reply.

A reply is a plan in an envelope of thoughts, fences, tags, prose, prompts or JSON. Extraction removes the envelope and
does not change the plan: a mistake *inside* the plan keeps its place, so that a diagnostic can name it and a fix can
correct it. Odd spaces and prose between the statements therefore stay. Typographic quotes where Python expects quotes,
and zero-width characters between tokens, belong to the envelope and are removed.

Each entry of `STRATEGIES` proposes the text without one layer of the envelope. The first valid proposal is taken, and
the table is tried again until nothing changes, so `extract_code` is idempotent.
"""

from __future__ import annotations

import html
import json
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from .blocks import END_OF_TURN, open_blocks
from .quotes import drop_zero_width, straighten
from .surface import MAX_PLAN, has_code, judging, parses, tokens

MAX_PASSES = 12
MAX_MENDED = 4 * MAX_PLAN
MAX_JUDGED = 4 * MAX_PLAN  # characters that the parser is given for one reply

_ODD_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")


def _unwrap_json(text: str) -> str | None:
    """The code in `{"code": "..."}`, which may also be the arguments of a tool call."""
    body = text.strip()
    if not (body.startswith("{") and body.endswith("}")) or len(body) > 4 * MAX_PLAN:
        return None
    try:
        value = json.loads(body, strict=False)
    except (ValueError, RecursionError):
        return None
    for _ in range(3):
        if not isinstance(value, dict):
            return None
        for key in ("code", "plan", "program", "python", "python_code", "script"):
            inner = value.get(key)
            if isinstance(inner, list) and all(isinstance(line, str) for line in inner):
                inner = "\n".join(inner)
            if isinstance(inner, str) and (has_code(inner) or "```" in inner):
                return inner
        value = value.get("arguments") or value.get("parameters") or value.get("input")
    return None


def _unescape_newlines(text: str) -> str | None:
    r"""A plan on one line whose line ends are written as `\n`, as in a JSON string."""
    body = text.strip()
    if "\n" in body or "\\n" not in body:
        return None
    controls = {"n": "\n", "t": "\t", "r": "", '"': '"', "\\": "\\"}
    full = re.sub(r"\\(.)", lambda m: controls.get(m.group(1), m.group()), body)
    if _reads(full):
        return full
    return re.sub(r"(?<!\\)\\n", "\n", body)


def _replay_prompts(text: str) -> str | None:
    """The input of an interactive session, without prompts and outputs."""
    lines = text.split("\n")
    typed: list[str] = []
    inside = False
    for line in lines:
        match = re.match(r"[ \t]*(>>>|\.\.\.)(?: (.*)|)$", line)
        inside = bool(match and (match[1] == ">>>" or inside))
        if match and inside:
            typed.append(match[2] or "")
    return "\n".join(typed) if typed else None


def _drop_line_numbers(text: str) -> str | None:
    """Remove line numbers: `1: `, `1 | `, `1. ` or `1<tab>` before every line, counting up."""
    lines = text.split("\n")
    numbers: list[int] = []
    bare: list[str] = []
    for line in lines:
        match = re.match(r"[ \t]*\[?(\d{1,5})(?:[ \t]?[:|.)\]│][ ]?|\t|[ ]{1,2}(?=\S)|$)(.*)$", line)
        if match:
            numbers.append(int(match[1]))
            bare.append(match[2])
        elif line.strip():
            return None
        else:
            bare.append("")
    counted = len(numbers) > 1 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return "\n".join(bare) if counted else None


def _unwrap_lines(text: str) -> str | None:
    """Remove the marks of lines that are each in backticks or bold, an item of a list, or quoted."""
    lines = text.split("\n")
    bare = [re.sub(r"^(?:[ ]?[-*+•][ ]+|>[ ]?|\d{1,3}[.)][ ]+)", "", line) for line in lines]
    bare = bare if all(a != b for a, b in zip(lines, bare, strict=True) if a.strip()) else lines
    return "\n".join(re.sub(r"^[ \t]*(`{1,2}|\*\*)([^`]+)\1[ \t]*$", r"\2", line) for line in bare)


def _unescape_html(text: str) -> str | None:
    if re.search(r"#\d{9}", text) or not re.search(r"&(?:quot|lt|gt|amp|apos|nbsp|#\d+|#x[\da-fA-F]+);", text):
        return None  # the host raises an error for a number with thousands of digits
    return html.unescape(text)


def _dedent(text: str) -> str | None:
    """Remove the indentation that all lines share, or all but the first, if the text then parses."""
    whole = textwrap.dedent(text)
    head, _, rest = text.partition("\n")
    return next((c for c in (whole, f"{head}\n{textwrap.dedent(rest)}") if c != text and parses(c)), None)


def _drop_tokens(text: str) -> str | None:
    """Remove control tokens of chat templates at the ends of lines."""
    return re.sub(
        rf"^<\|im_start\|>(?:assistant)?[ ]?|(?:{END_OF_TURN}|</s>){{1,8}}$|^<s>[ ]?",
        "",
        text,
        flags=re.MULTILINE,
    )


_LEAD_IN = re.compile(
    r"(?i)[ \t]*(?:sure|certainly|of course|okay|ok|absolutely"
    r"|here(?:'s|’s| is| are)|below|the following)\b|.*:\s*$"
)
_LEAD_OUT = re.compile(
    r"(?i)[ \t]*(?:(?:this|the|above)\s+(?:code|plan|program|script|above)"
    r"|note\b|explanation|let me know|hope|i hope)\b"
)


def _is_prose(text: str) -> bool:
    """Whether a paragraph holds no part of a plan: no statement, comment, or end of a bracket or string."""
    if has_code(text) or re.search(r"^[ \t]*#(?!#)", text, re.MULTILINE) or parses(textwrap.dedent(text)):
        return False
    return not re.search(r"[)\]}\"'],?[ \t]*$", text) or bool(re.match(r"[A-Z*#>-][\w'’]*[ ,]+\w+ ", text))


def _is_closed(text: str) -> bool:
    """Whether `text` ends outside brackets and strings, so that the following text is not a part of them."""
    depth = 0
    for kind, piece in tokens(text):
        if kind == "code":
            depth += sum(piece.count(b) for b in "([{") - sum(piece.count(b) for b in ")]}")
        elif kind == "string" and (len(piece) < 2 or piece[-1] != piece[0]):
            return False
    return depth <= 0


def _trim_prose(text: str) -> str | None:
    """Remove whole paragraphs of prose before and after the code, and one introducing or closing line next to it.

    Any other prose that touches the code stays: it is a mistake in the plan, with a line number.
    """
    if len(text) > MAX_PLAN or parses(text) or not has_code(text):
        return None
    parts = re.split(r"(\n(?:[ \t]*\n)+)", text.strip("\n"))
    first, last = 0, len(parts) - 1
    while first < last and _is_prose(parts[first]):
        first += 2
    while last > first and _is_prose(parts[last]):
        last -= 2
    if not _is_closed("".join(parts[first : last + 1])):
        last = len(parts) - 1
    lines = "".join(parts[first : last + 1]).split("\n")
    start, end = 0, len(lines)
    while start < end - 1 and _LEAD_IN.match(lines[start]) and _is_prose(lines[start]):
        start += 1
    while end > start + 1 and _LEAD_OUT.match(lines[end - 1]) and _is_prose(lines[end - 1]):
        end -= 1
    if not _is_closed("\n".join(lines[start:end])):
        end = len(lines)
    return "\n".join(lines[start:end]).strip("\n")


def _reads(text: str) -> bool:
    """Whether `text` would parse after the strategies without `proof` and the fix for odd spaces."""
    for mend in (open_blocks, _unwrap_lines, _dedent, drop_zero_width, straighten, _trim_prose):
        if parses(text):
            return True
        text = mend(text) or text
    return parses(_ODD_SPACE.sub(" ", text))


@dataclass(frozen=True, slots=True)
class Strategy:
    """A kind of envelope: `propose` returns the text without it, or None; with `proof`, only if that text parses."""

    propose: Callable[[str], str | None]
    proof: bool = False


STRATEGIES = (
    Strategy(_unescape_newlines, proof=True),
    Strategy(open_blocks),
    Strategy(_drop_tokens),
    Strategy(_replay_prompts, proof=True),
    Strategy(_drop_line_numbers),
    Strategy(_unescape_html, proof=True),
    Strategy(_unwrap_lines, proof=True),
    Strategy(_dedent, proof=True),
    Strategy(drop_zero_width),
    Strategy(_trim_prose),
    Strategy(straighten),
)


def _normalise(text: str) -> str:
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        return ""
    bare = text.rstrip("\n")
    # A line end after a backslash belongs to the line.
    return text if bare.endswith("\\") else bare + "\n"


def _step(text: str) -> str:
    """`text` without its outermost envelope, or `text` itself if it has none."""
    inner = _unwrap_json(text)
    if inner is not None:
        return inner
    if parses(text):
        return text
    for strategy in STRATEGIES:
        if len(text) > MAX_MENDED and strategy.propose is not open_blocks:
            continue
        proposal = strategy.propose(text)
        if proposal is not None and _normalise(proposal) != text:
            if strategy.proof and not (len(proposal) <= MAX_PLAN and _reads(proposal)):
                continue
            return proposal
    return text


def extract_code(reply: str) -> str:
    """The plan inside a model's reply.

    The reply is any text: a bare plan, or a plan among prose, fences, tags, thoughts, prompts, line numbers or JSON.
    The result ends with a newline unless it is empty. Plain code is returned unchanged, except for a byte order mark
    and line ends, and so is every result of this function. It never raises, and never repairs the plan itself: a reply
    without code is returned as it is, for the parser to reject. PyRAG (arXiv 2605.12975) takes the first Python fence,
    else any fence, else the whole text; this function recognises more.
    """
    whole = text = _normalise(reply)
    with judging(MAX_JUDGED):
        for _ in range(MAX_PASSES):
            inner = _normalise(_step(text))
            if inner == text:
                return text
            text = inner
    # A text with too many layers holds no plan. Returning all of it keeps extraction idempotent.
    return whole
