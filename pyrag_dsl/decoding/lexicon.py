"""The lexicon of all levels: characters, numbers, strings, comments and names.

The libraries read a terminal as one lexeme, the longest that fits, and never backtrack. Therefore white space is part
of the terminal before or after it, so that two terminals at one place never differ only in what follows them.
"""

from __future__ import annotations

import string
from collections.abc import Iterable

from .rules import Chars, Choice, OptionalPart, Part, Repeat, choice, many, maybe, seq

# Characters beyond ASCII, without those that hide or reorder text, in plain escapes, which every dialect has. The
# ranges end at boundaries of UTF-8 sequences, because the libraries work on bytes, and other ends cost them states.
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
    """Any visible character or the space, except the ASCII characters in `without`."""
    return Chars(_ranges(set(map(chr, range(32, 127))) - set(without)) + BEYOND_ASCII, "x")


def _ranges(chars: Iterable[str]) -> str:
    """The body of a character class with these ASCII characters.

    It uses only the escapes that all dialects have, and a hyphen comes first.
    """
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
    """One of the words, as a prefix tree, in which each character is compared once."""
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
    """A name in ASCII that is not one of these words and does not begin with two underscores.

    Args:
        words: the words.
        rest: the part for the characters that follow once the name differs from all words.
    """

    def after(endings: list[str], allowed: str) -> Part:
        """The characters that may follow the common beginning of these words."""
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
    """A string on one line, which may be raw."""
    raw = choice(text(quote + "\\"), seq("\\", text()))
    return choice(
        seq(quote, many(choice(text(quote + "\\"), ESCAPE)), quote),
        seq("r", quote, many(raw), quote),
    )


def long_quoted(quote: str) -> Part:
    """A string in triple quotes. One or two quotes may be inside, but not at the end."""
    inside = choice(text(quote + "\\"), "\n", ESCAPE)
    return seq(quote * 3, many(choice(inside, seq(quote, maybe(quote), inside))), quote * 3)


# The format specification after the colon in the braces of an f-string. Several letters never follow a digit, because
# `5if` looks like code.
FORMAT = choice(
    seq(
        Repeat(choice(Chars("-+<>=^,.-9:_ ", "9"), seq("%", Chars("A-Za-z", "d"))), 1, None),
        OptionalPart(Chars("bcdeEfgGnosxX%", "f")),
    ),
    Chars("bcdeEfgGnosxX%", "f"),
)
