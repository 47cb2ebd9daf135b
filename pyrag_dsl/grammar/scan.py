"""The first check of a text, before CPython's parser sees it.

`ast.parse` crashes or hangs on hostile text (deep nesting, giant literals), folds look-alike letters into names, and
accepts more with every version of Python. Therefore a linear scan comes first: it bounds size and nesting, refuses
characters that hide or reorder text, and checks the few lexical rules that differ between versions of Python.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from .diagnostics import Diagnostic, Edit, Fix, Span
from .findings import Findings

MAX_SOURCE = 64 * 1024  # characters
MAX_LINE = 16 * 1024  # characters in one logical line
MAX_BRACKETS = 30  # nested brackets
MAX_INDENT = 16  # nested blocks
MAX_OPERATORS = 400  # operators, brackets and dots in one logical line

_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f\x80-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)

_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")

# The characters that matter in a line of code. Between two matches there are only names, digits and spaces.
_MARK = re.compile("[\\n\"'#()\\[\\]{}\\\\\\-+*/%<>=!&|^~@.,:;$?`\\f\x80-\U0010ffff]")
_PREFIX = re.compile(r"(?<![0-9A-Za-z_])[A-Za-z]{1,3}\Z")
_KEYWORD = re.compile(r"\b(?:and|or|not|if|else|lambda|in|is|for|await)\b")
_NOT_ASCII = re.compile("[^\x00-\x7f]+")
_HIDDEN_STATEMENT = re.compile(r";[ \t]{8,}[^\s#]")
_SPACED = re.compile(r"![rsa]\s")
# `1if x`: CPython accepts it with a warning, which cannot be caught in one thread only.
_GLUED = re.compile(
    r"(?<![0-9A-Za-z_.])(?:0[xX][0-9A-Fa-f_]+|0[bB][01_]+|0[oO][0-7_]+|\.?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9_]+)?)"
    r"[jJ]?(?:if|else|and|or|in|is|for|not)"
)
# Comments and strings of a text without backslashes and triple quotes.
_QUOTED = re.compile(r"""\#[^\n]*|"[^"\n]*"|'[^'\n]*'""")
_SHORT = 2_000  # characters of a text that cannot nest deeply enough to crash the parser
_STRING_END = {
    '"': re.compile(r'(?:[^"\\\n]|\\[\s\S])*"'),
    "'": re.compile(r"(?:[^'\\\n]|\\[\s\S])*'"),
    '"""': re.compile(r'(?:[^"\\]|\\[\s\S]|"(?!""))*"""'),
    "'''": re.compile(r"(?:[^'\\]|\\[\s\S]|'(?!''))*'''"),
}
_PREFIXES = frozenset({"", "r", "u", "f", "fr", "rf"})
_ESCAPE = re.compile(
    r"\\(?:(?P<good>[\n\\'\"abfnrtv]|[0-3]?[0-7]{1,2}(?![0-7])|[0-3][0-7]{2}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|N\{[^}\n]*\})|(?P<bad>[\s\S]))"
)
_CLOSERS = {"(": ")", "[": "]", "{": "}"}


@dataclass(slots=True)
class Scan:
    """The normalised text (without BOM, with `\\n` as line end) and the problems found."""

    text: str
    lines: list[str]
    found: Findings
    fatal: bool  # the parser must not see this text
    escapes: list[Edit]  # double the backslash of each unknown escape
    doubtful: bool = False  # the scan stopped where the parser, too, should find an error


class Locator:
    """Turns offsets of a text into 1-based lines and columns."""

    def __init__(self, text: str) -> None:
        self._starts = [0]
        for match in re.finditer("\n", text):
            self._starts.append(match.end())

    def span(self, start: int, end: int) -> Span:
        first, first_column = self._place(start)
        last, last_column = self._place(end)
        return Span(first, first_column, last, last_column)

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def scan(text: str, found: Findings | None = None) -> Scan:
    """Look at a text in linear time, and report to `found`. Never raises on a str."""
    found = Findings() if found is None else found
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
        at = text.find("\r")
        text = text.replace("\r", "\n")
        if at >= 0:
            line, begin = text.count("\n", 0, at) + 1, text.rfind("\n", 0, at) + 1
            message = "a carriage return without a line feed, which shows as no end of a line and is one"
            place = Span(line, at - begin + 1, line, at - begin + 2)
            found.add(Diagnostic("PLAN103", message, place, help="End lines with line feeds."))
    if len(text) > MAX_SOURCE:
        message = f"the plan has {len(text):,} characters; the limit is {MAX_SOURCE:,}"
        found.add(Diagnostic("PLAN102", message, Span(1, 1, 1, 2)))
        return Scan("", [], found, True, [])
    scanner = _Scanner(text, found)
    fatal = scanner.run()
    return Scan(text, text.split("\n"), found, fatal, scanner.unescaped, scanner.doubtful)


class _Scanner:
    def __init__(self, text: str, found: Findings) -> None:
        self.text = text
        self.found = found
        self.doubtful = False
        self.unescaped: list[Edit] = []
        self._locator: Locator | None = None

    def report(self, code: str, message: str, start: int, end: int, **more: object) -> None:
        if self.found.full:
            self.found.rest += 1
            return
        if self._locator is None:
            self._locator = Locator(self.text)
        self.found.add(Diagnostic(code, message, self._locator.span(start, end), **more))  # type: ignore[arg-type]

    def edit(self, start: int, end: int, text: str) -> Edit:
        if self._locator is None:
            self._locator = Locator(self.text)
        return Edit(self._locator.span(start, end), text)

    def run(self) -> bool:
        """Scan the text. Returns whether the parser must not see it."""
        text = self.text
        hidden = _CONTROL if text.isascii() else _HIDDEN
        for match in hidden.finditer(text) if hidden.search(text) else ():
            if self.found.full:
                self.found.rest += 1
                continue
            at = match.start()
            name = f"U+{ord(match[0]):04X}"
            fix = Fix(f"remove {name}", (self.edit(at, at + 1, ""),), "safe")
            self.report(
                "PLAN103",
                f"the text contains the hidden or control character {name}",
                at,
                at + 1,
                fixes=(fix,),
            )
        if self.found:
            return True
        return False if self.plain() else self.indentation() or self.tokens()

    def plain(self) -> bool:
        """Whether a text is so short and simple that it needs no further check."""
        text = self.text
        if len(text) > _SHORT or "\\" in text or ";" in text or "\f" in text or not text.isascii():
            return False
        if max(map(text.count, "([{")) > MAX_BRACKETS:
            return False
        if '"""' in text or "'''" in text or _GLUED.search(text):
            return False
        if "{" in text:
            for match in _QUOTED.finditer(text):
                token = match[0]
                if "{" in token and (token.count("{") != token.count("}") or "#" in token or "!" in token):
                    return False
        return True

    def indentation(self) -> bool:
        """Check how deep blocks are nested. The parser checks the exact rules of indentation."""
        stack = [0]
        at = 0
        for line in self.text.split("\n"):
            width = len(line) - len(line.lstrip(" \t"))
            if width < len(line):
                while width < stack[-1]:
                    stack.pop()
                if width > stack[-1]:
                    stack.append(width)
                    if len(stack) - 1 > MAX_INDENT * 2:
                        message = f"blocks are nested more than {MAX_INDENT} deep"
                        self.report("PLAN104", message, at, at + width)
                        return True
            at += len(line) + 1
        return False

    def tokens(self) -> bool:
        text = self.text
        brackets: list[str] = []
        strings: list[tuple[int, int]] = []
        operators = 0
        line_start = 0
        at = 0
        search = _MARK.search
        while match := search(text, at):
            start = match.start()
            at = start + 1
            char = text[start]
            if char == "\n":
                if not brackets:
                    if start - line_start > 1_000 and self.too_long(line_start, start, operators):
                        return True
                    line_start, operators = at, 0
            elif char in "\"'":
                end, holes = self.string(start, char)
                if end < 0:
                    self.doubtful = True  # unterminated; the parser has a better message
                    return False
                strings.append((start, end))
                operators += holes
                at = end
            elif char == "#":
                at = text.find("\n", start)
                strings.append((start, len(text) if at < 0 else at))
                if at < 0:
                    break
            elif char in "([{":
                operators += 1
                brackets.append(char)
                if len(brackets) > MAX_BRACKETS:
                    self.report("PLAN104", f"brackets are nested more than {MAX_BRACKETS} deep", start, at)
                    return True
            elif char in ")]}":
                if not brackets or _CLOSERS[brackets.pop()] != char:
                    self.doubtful = True
                    return False
            elif char == "\\":
                at += text.startswith("\n", at)
            elif char == ";":
                if hidden := _HIDDEN_STATEMENT.match(text, start):
                    self.report("PLAN103", "a statement hidden behind a run of spaces", start, hidden.end())
            elif char.isascii() and char not in "$?`\f":
                operators += 1
            else:
                at = self.odd(start)
        if len(text) - line_start > 1_000 and self.too_long(line_start, len(text), operators):
            return True
        for glued in _GLUED.finditer(text):
            nearest = bisect_right(strings, (glued.start(), len(text)))
            start, end = strings[nearest - 1] if nearest else (0, 0)
            if glued.start() >= end or self.in_hole(glued.start(), start):
                self.report("PLAN113", f"`{glued[0]}`: put a space after the number", *glued.span())
                return True
        return False

    def in_hole(self, at: int, start: int) -> bool:
        """Whether `at`, in the string that starts at `start`, is inside the braces of an f-string, and so is code."""
        prefix = _PREFIX.search(self.text, max(0, start - 4), start)
        if prefix is None or "f" not in prefix[0].lower():
            return False
        before = self.text[start:at].replace("{{", "  ")
        return before.rfind("{") > before.rfind("}")

    def too_long(self, start: int, end: int, operators: int) -> bool:
        """Whether a logical line is too long or complex for the parser; reports why."""
        if end - start > MAX_LINE:
            message = f"one statement has more than {MAX_LINE:,} characters"
        elif operators + len(_KEYWORD.findall(self.text, start, end)) > MAX_OPERATORS:
            message = f"one statement has more than {MAX_OPERATORS} operators"
        else:
            return False
        self.report("PLAN104", message, start, start + 1)
        return True

    def odd(self, start: int) -> int:
        """Check characters outside ASCII in code, where CPython would normalise or misread them."""
        text = self.text
        found = _NOT_ASCII.match(text, start)
        if found is None:
            return start + 1  # the parser has a better message
        end, odd = found.end(), found[0]
        if odd.isspace():
            fix = Fix("use plain spaces", (self.edit(start, end, " " * len(odd)),), "safe")
            names = ", ".join(sorted({f"U+{ord(char):04X}" for char in odd}))
            self.report("PLAN103", f"a space that is not a plain space ({names})", start, end, fixes=(fix,))
        elif odd in "\u2018\u2019\u201c\u201d":
            plain = "'" if odd in "\u2018\u2019" else '"'
            fix = Fix("use a plain quote", (self.edit(start, end, plain),), "maybe")
            self.report("PLAN106", f"a curly quote {odd} does not begin a string", start, end, fixes=(fix,))
        else:
            self.report("PLAN111", f"{odd!r} cannot stand outside of strings and comments", start, end)
        return end

    def string(self, start: int, quote: str) -> tuple[int, int]:
        """Check one string literal. Returns the index where it ends (-1 if nowhere) and the number of its holes."""
        text = self.text
        found = _PREFIX.search(text, max(0, start - 4), start)
        prefix = found[0].lower() if found is not None else ""
        if text.startswith(quote * 2, start + 1):
            quote *= 3
        elif text.startswith(quote, start + 1):
            return start + 2, 0
        body = _STRING_END[quote].match(text, start + len(quote))
        if body is None:
            return -1, 0
        end = body.end()
        if prefix not in _PREFIXES:
            what = {"b": "bytes", "br": "bytes", "rb": "bytes", "t": "template strings"}.get(prefix)
            if what:
                self.report("PLAN219", f"plans have no {what}", start - len(prefix), end)
            return end, 0
        content = text[start + len(quote) : end - len(quote)]
        offset = start + len(quote)
        if "\\" in content and "r" not in prefix:
            self.escapes(content, offset)
        if "f" in prefix and ("{" in content or "}" in content):
            self.fstring(content, offset, quote)
            return end, content.count("{")
        return end, 0

    def escapes(self, content: str, offset: int) -> None:
        for match in _ESCAPE.finditer(content):
            if match["bad"] is not None:
                start = offset + match.start()
                shown = match[0] if match[0].isprintable() else repr(match[0])
                self.unescaped.append(self.edit(start, start + 1, "\\\\"))
                fix = Fix("double the backslash", (self.unescaped[-1],), "safe")
                self.report("PLAN109", f"`{shown}` is not an escape sequence", start, start + 2, fixes=(fix,))

    def fstring(self, content: str, offset: int, quote: str) -> None:
        """Check the holes of an f-string by the strictest version of Python: no backslash, comment or outer quote."""
        opened: list[int] = []
        in_spec = False
        at = 0
        while at < len(content):
            char = content[at]
            if not opened:
                if char in "{}" and content.startswith(char * 2, at):
                    at += 2
                    continue
                if char == "{":
                    opened.append(at)
                    in_spec = False
            elif char == "{":
                opened.append(at)
                if len(opened) > 2 and in_spec:
                    self.report("PLAN110", "a format specification nested in another", offset + at, offset + at + 1)
                    return
            elif char == "}":
                opened.pop()
            elif char == "!" and _SPACED.match(content, at):
                self.report("PLAN110", "a space after a conversion", offset + at, offset + at + 2)
                return
            elif char == ":":
                in_spec = True
            elif char == "\\" or (char == "#" and not in_spec):
                self.hole(char, offset + at)
                return
            elif char in "\"'":
                close = content.find(char, at + 1)
                if close < 0:
                    break
                if (slash := content.find("\\", at, close)) >= 0:
                    self.hole("\\", offset + slash)
                    return
                at = close
            at += 1
        if opened:
            other = "'" if '"' in quote else '"'
            self.report(
                "PLAN110",
                f"the string ends inside `{{...}}`: {quote} cannot be used inside an f-string that it delimits",
                offset + opened[0],
                offset + len(content) + len(quote),
                help=f"Use {other} inside the braces.",
            )

    def hole(self, char: str, at: int) -> None:
        self.report(
            "PLAN110",
            f"`{char}` inside the braces of an f-string",
            at,
            at + 1,
            help="Assign the value to a name first, and put the name in the braces.",
        )
