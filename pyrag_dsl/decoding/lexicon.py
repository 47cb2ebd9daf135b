"""What the words of a plan are made of, at both levels: characters, strings, comments, the ends of lines, names.

Engines read a terminal as one lexeme, the longest that fits, and never go back. So white space belongs to a terminal
before or after it, such that no two terminals that may stand at one place differ only in what follows them.
"""

from __future__ import annotations

import string
from collections.abc import Iterable

from .rules import Chars, Choice, OptionalPart, Part, Repeat, choice, many, maybe, seq

# Letters beyond ASCII, without those that hide or reorder text, in plain escapes, which every dialect has. The ranges
# end where UTF-8 carries over: engines work on bytes, and each ragged end costs them states.
BEYOND_ASCII = (
    r"\u00A1-\u00AC\u00AE-\u05FF\u0620-\u167F\u1E00-\u1FFF\u2010-\u2027\u2080-\uD7BF\uF900-\uFDFF"
    r"\uFF00-\uFFBF\U00010000-\U0003FFFF"
)
INDENT = "    "
DIGIT = Chars("0-9", "9")
INTEGER = choice("0", seq(Chars("1-9", "9"), Repeat(seq(maybe("_"), DIGIT), 0, 8)))
_EXPONENT = seq(Chars("eE", "e"), maybe(Chars("-+", "-")), Repeat(DIGIT, 1, 2))
FLOAT = choice(
    seq(Repeat(DIGIT, 1, 6), ".", Repeat(DIGIT, 1, 8), maybe(_EXPONENT)), seq(Repeat(DIGIT, 1, 6), _EXPONENT)
)
_ESCAPED = {"[": r"\[", "\\": r"\\", "]": r"\]", "/": r"\x2F"}
_WORD = string.ascii_letters + string.digits + "_"


def spaces(least: int = 0) -> Part:
    return Repeat(Chars(" ", " "), least, None)


def text(without: str = "") -> Chars:
    """Any character that can be seen, and the space, without these of ASCII."""
    return Chars(_ranges(set(map(chr, range(32, 127))) - set(without)) + BEYOND_ASCII, "x")


def _ranges(chars: Iterable[str]) -> str:
    """ASCII characters as the body of a class, in the few escapes that all dialects have: a hyphen stands first."""
    codes = sorted(map(ord, chars))
    body, hyphen = "", ""
    while codes:
        end = next((i for i, code in enumerate(codes) if code != codes[0] + i), len(codes))
        found, codes = codes[:end], codes[end:]
        if ord("-") in (found[0], found[-1]):
            hyphen = "-"
            found.remove(ord("-"))
        ends = [_ESCAPED.get(chr(code), chr(code)) for code in found[:1] + found[1:][-1:]]
        body += ("-" if len(found) > 2 else "").join(ends)
    return hyphen + body


def comment(characters: Part) -> Part:
    return seq("#", characters)


def one_of(words: Iterable[str]) -> Part:
    """One of the words, as a tree: each character is looked at once."""
    found = sorted(set(words))
    heads: dict[str, list[str]] = {}
    for word in found:
        heads.setdefault(word[:1], []).append(word)
    ends = heads.pop("", None) is not None
    options: list[Part] = []
    for group in heads.values():
        shared = group[0]
        while not all(word.startswith(shared) for word in group):
            shared = shared[:-1]
        rest = [word[len(shared) :] for word in group]
        options.append(seq(shared) if rest == [""] else seq(shared, one_of(rest)))
    made = options[0] if len(options) == 1 else Choice(tuple(options))
    return OptionalPart(made) if ends else made


def name_without(words: Iterable[str], rest: Part) -> Part:
    """A name in ASCII that is none of these words and does not begin with two underscores; ``rest``: its long tail."""

    def after(endings: list[str], allowed: str) -> Part:
        """What may follow the beginning that these words share."""
        heads: dict[str, list[str]] = {}
        for word in endings:
            heads.setdefault(word[:1], []).append(word[1:])
        forbidden = heads.pop("", None) is not None
        free = Chars(_ranges(set(allowed) - set(heads)), "x")
        made = choice(seq(free, maybe(rest)), *(seq(head, after(group, _WORD)) for head, group in heads.items()))
        return made if forbidden else OptionalPart(made)

    begun = after(sorted(set(words)), _WORD[:52])
    assert isinstance(begun, OptionalPart)
    underscored = seq("_", maybe(Chars("0-9A-Za-z", "x"), maybe(rest)))
    return choice(begun.part, underscored)


# --------------------------------------------------------------------------------------------------- literals

_HEX = Chars("0-9A-Fa-f", "a")
ESCAPE = seq(
    "\\",
    choice(
        Chars("abfnrtv\\\\'\"", "n"),
        seq("x", _HEX, _HEX),
        seq("u", Chars("0-9A-Ca-ce-fE-F", "a"), _HEX, _HEX, _HEX),
    ),
)


def quoted(quote: str) -> Part:
    """A string on one line, and a raw one."""
    raw = choice(text(quote + "\\"), seq("\\", text()))
    return choice(
        seq(quote, many(choice(text(quote + "\\"), ESCAPE)), quote),
        seq("r", quote, many(raw), quote),
    )


def long_quoted(quote: str) -> Part:
    """A string in three quotes: one or two may stand inside, and not at the end."""
    inside = choice(text(quote + "\\"), "\n", ESCAPE)
    return seq(quote * 3, many(choice(inside, seq(quote, maybe(quote), inside))), quote * 3)


# What may stand behind the colon in the braces of an f-string. No digit is followed by letters: `5if` looks like code.
FORMAT = choice(
    seq(
        Repeat(choice(Chars("-+<>=^,.-9:_ ", "9"), seq("%", Chars("A-Za-z", "d"))), 1, None),
        OptionalPart(Chars("bcdeEfgGnosxX%", "f")),
    ),
    Chars("bcdeEfgGnosxX%", "f"),
)
