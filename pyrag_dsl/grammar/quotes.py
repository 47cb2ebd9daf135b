"""Replaces typographic characters that a word processor or chat window has put into a plan."""

from __future__ import annotations

import re

from .surface import MAX_PLAN, TOKEN, has_code, parses, tokens

MAX_SOUGHT = 1_000_000  # characters of one text that are searched for the ends of strings

_DOUBLE, _SINGLE = "“”„‟″", "‘’‚‛′"
_ASCII = str.maketrans(dict.fromkeys(_DOUBLE, '"') | dict.fromkeys(_SINGLE, "'"))
_AFTER_STRING = re.compile(r"[ \t]*(?:[)\]},:;.+%=#]|$|!=|(?:if|for|in|else|and|or|not|is)\b)")


def drop_zero_width(text: str) -> str | None:
    """Remove zero-width characters between tokens. Inside a string, they may be part of an emoji or a name."""
    return "".join(re.sub("[\u200b-\u200d\u2060\ufeff]", "", p) if k == "code" else p for k, p in tokens(text))


def _closing(line: str, opener: str) -> int:
    """The index where a string ends in `line`, the text after its curly opening quote; -1 if it does not end."""
    family, straight = (_DOUBLE, '"') if opener in _DOUBLE else (_SINGLE, "'")
    weak = -1
    # A straight quote ends the string only if no curly one does: it may belong to a subscript in an f-string.
    for closers in (family, family + straight):
        depth = 0
        for match in re.finditer(f"[{closers}]", line):
            at = match.end()
            if match.group() == opener and opener in "“„‘‚" and line[at : at + 1].isalnum():
                depth += 1
            elif not line[at : at + 1].isalnum():
                if depth == 0 and _AFTER_STRING.match(line, at):
                    return match.start()
                weak = match.start() if weak < 0 else weak
                depth = max(0, depth - 1)
    return weak


def _quoted(content: str, opener: str) -> str:
    """`content` in suitable ASCII quotes, with straight quotes inside it where possible."""
    own, other = ('"', "'") if opener in _DOUBLE else ("'", '"')
    plain = content.translate(_ASCII)
    for quote in (own, other, '"""'):
        if quote not in plain and not (quote == '"""' and plain.endswith('"')):
            return f"{quote}{plain}{quote}"
    return f"{own}{content}{own}"


def straighten(text: str) -> str | None:
    """Replace curly quotes by ASCII quotes where Python expects quotes. Those inside ASCII quotes are text and stay."""
    if len(text) > MAX_PLAN or not re.search(f"[{_DOUBLE}{_SINGLE}]", text) or not has_code(text):
        return None
    out: list[str] = []
    position = sought = 0
    while match := TOKEN.search(text, position):
        piece, position_after = match.group(), match.end()
        out.append(text[position : match.start()])
        line_end = text.find("\n", match.start())
        line_end = len(text) if line_end < 0 else line_end
        sought += line_end - match.end()
        if sought > MAX_SOUGHT:
            return None
        if match["curly"]:
            triple = piece * 3 if text.startswith(piece * 3, match.start()) else ""
            family = _DOUBLE if piece in _DOUBLE else _SINGLE
            ending = re.compile(f"[{family}]{{3}}").search(text, match.start() + 3) if triple else None
            if ending:
                mark = '"""' if family == _DOUBLE else "'''"
                out.append(mark + text[match.start() + 3 : ending.start()] + mark)
                position = ending.end()
                continue
            end = _closing(text[match.end() : line_end], piece)
            if end < 0:
                position_after = line_end
                piece = text[match.start() : line_end]
            else:
                content = text[match.end() : match.end() + end]
                piece, position_after = _quoted(content, piece), match.end() + end + 1
        elif match["string"] and piece[:3] not in ('"""', "'''") and (len(piece) < 2 or piece[-1] != piece[0]):
            end = _closing(piece[1:], "“" if piece[0] == '"' else "‘")
            if end >= 0:
                piece, position_after = (
                    _quoted(piece[1 : end + 1], "“" if piece[0] == '"' else "‘"),
                    match.start() + end + 2,
                )
        out.append(piece)
        position = position_after
    out.append(text[position:])
    straight = "".join(out)
    return text.translate(_ASCII) if not parses(straight) and parses(text.translate(_ASCII)) else straight
