"""Makes text from outside harmless, so that a model, a terminal or a log shows it and does not obey it.

A passage, a question that a plan has built, and the body of an error are data, but may hold characters with a meaning
for the reader of the surrounding text. Every function from text to text is pure, accepts every `str`
(lone surrogates included) and is idempotent.
"""

from __future__ import annotations

import re
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# All characters that some reader treats as the end of a line. `str.splitlines` knows all of them, and JSON and
# terminals know some. A forged header after any of them must not look like a line of its own.
_LINE_ENDS = re.compile("\r\n|[\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")

_SURROGATES = re.compile("[\ud800-\udfff]")

# Invisible: zero-width space, word joiner, BOM, bidirectional controls, and the tag characters that spell
# ASCII without a glyph. ZWJ and ZWNJ stay: Persian, Hindi and emoji need them.
_INVISIBLE = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]")

_VISIBLE: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20)},
    0x7F: "\u2421",
    **dict.fromkeys(range(0x80, 0xA0), REPLACEMENT),
    **dict.fromkeys(range(0xFDD0, 0xFDF0), REPLACEMENT),
    **{plane << 16 | low: REPLACEMENT for plane in range(17) for low in (0xFFFE, 0xFFFF)},
}
_VISIBLE_KEEP_LINES = {code: mark for code, mark in _VISIBLE.items() if code != 0x0A}

# Control tokens of chat templates in use (ChatML, Llama 2 and 3, Gemma, Mistral, T5, BERT, tool calling), and
# the tags of our own reply format, which a passage must not be able to open or close either.
_TAGS = (
    "s|bos|eos|pad|unk|mask|cls|sep|start_of_turn|end_of_turn|start_of_image|extra_id_\\d+|think|reason|answer|"
    "tool|tools|tool_call|tool_calls|tool_response|tool_result|tool_results|function|functions|function_call|"
    "function_calls|function_results|invoke|system|user|assistant"
)
_BRACKETS = (
    "INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|ARGS|THINK|IMG|CLS|SEP|MASK|PAD|UNK"
)
_TOKEN_OPENING = re.compile(
    rf"<(?=[|\uff5c])|<(?=<\s{{0,4}}/?\s{{0,4}}SYS)|<(?=/?(?:{_TAGS})\s{{0,4}}/?>)|\[(?=/?(?:{_BRACKETS})\])",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"<[|\uff5c][^<>\n]{0,80}[|\uff5c]>|<<\s{0,4}/?\s{0,4}SYS\s{0,4}>>"
    r"|</?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn)>|\[/?(?:INST|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS)\]",
    re.IGNORECASE,
)
_TURN_END = re.compile(
    r"<[|\uff5c](?:im_end|eot_id|eom_id|end|endoftext|end_of_text|end_of_turn|end\u2581of\u2581sentence"
    r"|return|call)[|\uff5c]>|</s>|<eos>|<end_of_turn>",
    re.IGNORECASE,
)


def clean_unicode(text: str) -> str:
    """`text` in a form that every codec can encode: surrogate pairs are joined, and lone surrogates become U+FFFD."""
    if not _SURROGATES.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def normal_lines(text: str) -> str:
    r"""`text` with each line end (CR, CRLF, VT, FF, FS to RS, NEL, U+2028, U+2029) written as `\n`."""
    return _LINE_ENDS.sub("\n", text)


def visible(text: str) -> str:
    r"""`text` on the same number of lines, with visible control characters and without invisible characters.

    C0 controls become their Unicode pictures (ESC is shown as U+241B), C1 controls and non-characters U+FFFD;
    tabs become spaces; all line ends become `\n`. Safe for a terminal, a log, or a prompt.
    """
    text = normal_lines(clean_unicode(text)).replace("\t", " ")
    return _INVISIBLE.sub("", text).translate(_VISIBLE_KEEP_LINES)


def one_line(text: str) -> str:
    """`visible(text)` on one line, with each run of white space as one space."""
    return " ".join(visible(text).split())


def break_tokens(text: str) -> str:
    """`text` in which a space breaks every control token of a chat template after its first character.

    A tokenizer that parses special tokens inside messages then sees plain characters, and a person can still read the
    token.
    """
    return _TOKEN_OPENING.sub(lambda match: match.group() + " ", text)


def cut_tokens(text: str) -> str:
    """`text` up to the first end-of-turn token after other text, without any control tokens.

    This is for replies: a model that does not stop at the end of its turn invents further turns.
    """
    # Removing a token may join the text on both sides into a new token.
    for _ in range(8):
        shorter = _cut_once(text)
        if shorter == text:
            return text
        text = shorter
    return break_tokens(text)


def _cut_once(text: str) -> str:
    kept: list[str] = []
    start, said = 0, False
    for token in _TOKEN.finditer(text):
        part = text[start : token.start()]
        kept.append(part)
        said = said or bool(part.strip())
        if said and _TURN_END.fullmatch(token.group()):
            return "".join(kept)
        start = token.end()
    kept.append(text[start:])
    return "".join(kept)


def shorten(text: str, limit: int, *, keep_tail: bool = False) -> str:
    """`text` in at most `limit` characters (at least 40), with a mark that tells how many were left out.

    With `keep_tail`, the middle is left out, for texts whose end matters.
    """
    if len(text) <= limit:
        return text
    mark = f" [... {len(text) - limit} or more characters left out ...]"
    room = max(limit - len(mark), 0)
    if not keep_tail:
        return (text[:room].rstrip() + mark)[: max(limit, 0)]
    head = room // 2
    tail = max(room - head - 1, 0)
    return (text[:head].rstrip() + mark + " " + (text[-tail:].lstrip() if tail else ""))[: max(limit, 0)]


def written(value: Any) -> str:
    """A value as text: a text as it is, anything else as Python writes it. Not yet harmless."""
    if isinstance(value, str):
        return value
    try:
        return repr(value)
    except ValueError:  # CPython writes no integer of more than 4,300 digits
        return f"({type(value).__name__} that is too long to be written)"
