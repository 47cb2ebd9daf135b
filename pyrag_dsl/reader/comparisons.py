"""Comparative questions: the quantity that is compared, the two options, and what the facts say of each option."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias, TypeVar

from .patterns import Date, compiled, days_between, find_dates, order, parse_date
from .questions import Stated
from .vocabulary import STOP_WORDS

Quantity: TypeAlias = "Date | float"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One way of comparing two things.

    Attributes:
        name: the name of the quantity that is compared.
        cue: a regular expression that finds this comparison in a lower-case question.
        wanted: -1 if the lesser (earlier, smaller) of the two is the answer, 1 if the greater is.
        measure: a function that returns the quantity that a text states, or None.
    """

    name: str
    cue: str
    wanted: int
    measure: Callable[[str], Quantity | None]


def _first(patterns: tuple[str, ...], text: str) -> Date | None:
    for pattern in patterns:
        if found := compiled(pattern).search(text):
            return parse_date(found[1])
    return None


def _only_date(text: str) -> Date | None:
    dates = find_dates(text)
    return parse_date(dates[0][0]) if len(dates) == 1 else None


def birth(text: str) -> Quantity | None:
    """The date of birth that a text states, or the only date in a text that does not mention death."""
    stated = _first(
        (r"\b[Bb]orn\b.{0,80}?(<DATE>)", r"\b[Bb]irth.{0,60}?(<DATE>)", r"(<DATE>)\s?[–-]\s?.{0,30}?<DATE>"),
        text,
    )
    if stated is None and not re.search(r"\b(?:[Dd]ied|[Dd]eath)\b", text):
        stated = _only_date(text)
    if stated is None and (aged := re.search(r"\b(\d{1,3}) years old\b|\baged (\d{1,3})\b", text)):
        # The older of two was born earlier. An age becomes a year of birth, counted back from one year for both.
        return Date(3000 - int(aged[1] or aged[2]))
    return stated


def death(text: str) -> Quantity | None:
    """The date of death that a text states. Without a word for birth or death, it is the first date in the text."""
    return _first(
        (
            r"\b(?:[Dd]ied|[Dd]eath|[Dd]ies|passed away|killed)\b.{0,80}?(<DATE>)",
            r"<DATE>.{0,30}?\s?[–-]\s?(?:.{0,30}?\s)??(<DATE>)",
            r"(<DATE>)",
        )[: 3 if not re.search(r"\b(?:[Bb]orn|[Bb]irth)\b", text) else 2],
        text,
    )


def lifespan(text: str) -> Quantity | None:
    """The length of a life in days, from an age that the text states or from the dates of birth and death."""
    if stated := re.search(
        r"\b(?:lived|lifespan|life span|aged?|died at)\b[^\d]{0,30}(\d{1,3})(?: years)?(?!\d| [A-Z])", text
    ):
        return float(stated[1]) * 365
    start, end = birth(text), death(text)
    if isinstance(start, Date) and isinstance(end, Date) and start != end:
        return float(days_between(start, end))
    return None


def any_date(text: str) -> Quantity | None:
    """The first date in a text that has a year."""
    for found in find_dates(text):
        if date := parse_date(found[0]):
            return date
    return None


_NUMERAL_WORDS: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty"
)
_NUMERALS: Final = {word: float(value) for value, word in enumerate(re.findall(r"\w+", _NUMERAL_WORDS))}
_SCALES: Final = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_NUMBER: Final = re.compile(
    r"(?<![\w.])(\d[\d,]{0,20}(?:\.\d{1,9})?)(?: (thousand|million|billion|trillion))?|\b("
    + "|".join(_NUMERALS)
    + r")\b",
    re.I,
)


def number(text: str) -> Quantity | None:
    """The first number in a text, in figures or words. A number that looks like a year counts only without another."""
    values = []
    for found in _NUMBER.finditer(text):
        if found[3]:
            values.append((_NUMERALS[found[3].lower()], False))
        else:
            value = float(found[1].replace(",", "").rstrip(".") or 0) * _SCALES.get((found[2] or "").lower(), 1.0)
            values.append((value, bool(re.fullmatch(r"1\d{3}|20\d\d", found[1]) and not found[2])))
    plain = [value for value, year in values if not year] or [value for value, _ in values]
    return plain[0] if plain else None


_LESS = r"(?:first|earlier|earliest|sooner|before)"
_MORE = r"(?:later|latest|last|after|more recent(?:ly)?|most recent(?:ly)?)"

COMPARISONS: Final = (
    Comparison("lifespan", r"\blive[ds]?\b.*\b(?:longer|longest)\b|\blonger (?:life|lifespan|lived)\b", 1, lifespan),
    Comparison(
        "lifespan",
        r"\blive[ds]?\b.*\bshorter\b|\bshorter (?:life|lifespan|lived)\b|\bdied younger\b",
        -1,
        lifespan,
    ),
    Comparison(
        "death",
        rf"\b(?:die[ds]?|death|passed away)\b.*\b{_LESS}\b|\b(?:earlier|first to) d(?:eath|ie)\b",
        -1,
        death,
    ),
    Comparison("death", rf"\b(?:die[ds]?|death|passed away)\b.*\b{_MORE}\b|\b(?:later death|last to die)\b", 1, death),
    Comparison("birth", rf"\bborn\b.*\b{_LESS}\b|\b(?:older|oldest|elder|eldest)\b", -1, birth),
    Comparison("birth", rf"\bborn\b.*\b{_MORE}\b|\b(?:younger|youngest)\b", 1, birth),
    Comparison("date", rf"\b(?:{_MORE}|newer|newest)\b", 1, any_date),
    Comparison("date", rf"\b{_LESS}\b", -1, any_date),
    Comparison(
        "number",
        r"\b(?:more|most|larger|largest|bigger|biggest|longer|longest|higher|highest|taller|tallest|greater|greatest|heavier"
        r"|heaviest|farther|further|deeper|deepest|wider|widest|faster|fastest|richer)\b",
        1,
        number,
    ),
    Comparison(
        "number",
        r"\b(?:fewer|fewest|less|least|smaller|smallest|shorter|shortest|lower|lowest|lighter|lightest|closer|nearer|slower)\b",
        -1,
        number,
    ),
)
"""All comparisons that the reader knows. The first whose cue matches a question is used."""


@lru_cache(maxsize=1)
def _cues() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(comparison.cue) for comparison in COMPARISONS)


def comparison_asked(question: str) -> Comparison | None:
    """The comparison that a question asks for, or None."""
    lowered = question.lower()
    return next((c for c, cue in zip(COMPARISONS, _cues(), strict=True) if cue.search(lowered)), None)


def compare(first: Quantity, second: Quantity) -> int:
    """-1 if the first quantity is less, 1 if it is more, and 0 if they are equal or cannot be compared."""
    if isinstance(first, Date) and isinstance(second, Date):
        return order(first, second)
    if isinstance(first, float) and isinstance(second, float):
        return (first > second) - (first < second)
    return 0


_MAX_BOUNDARIES: Final = 24


@dataclass(frozen=True, slots=True)
class Alternatives:
    """The two options of a question.

    Attributes:
        first: the first option, as the question spells it.
        second: the second option, as the question spells it.
        rest: the words of the question after the second option.
    """

    first: str
    second: str
    rest: str


def normal(text: str) -> str:
    """A text as lower-case words with single spaces. Names are compared in this normal form."""
    return " ".join(re.findall(r"\w+", text.lower()))


def bare(name: str) -> str:
    """The normal form of a name without parentheses and their content: "Freeway (1996 Film)" becomes "freeway"."""
    return normal(re.sub(r"\s*\([^()]*\)", "", name)) or normal(name)


def mentioned(name: str, text: str) -> bool:
    """Whether a text holds the words of a name in their order, without those in parentheses."""
    wanted = bare(name)
    return bool(wanted) and f" {wanted} " in f" {normal(text)} "


def find_options(question: str, facts: Sequence[str], joint: str) -> Alternatives | None:
    """Find the options on both sides of a joint in a question.

    A name may itself contain commas and joints. Therefore all parts of the question that begin or end at a comma or a
    space are tried, and the longest ones that the facts mention are taken.

    Args:
        question: the question.
        facts: the facts.
        joint: the word between the options: `or`, `and`, `than`, ...

    Returns:
        The options; None if the facts mention neither of them.
    """
    text = question.strip().rstrip("?").strip().rstrip("?").strip()
    stated = f" {normal(' '.join(facts))} "
    best: tuple[int, Alternatives] | None = None
    for found in list(re.finditer(rf",? {joint} ", text))[:6]:
        left, right = text[: found.start()], text[found.end() :]
        stretches = _lefts(left) if joint in ("or", "and") else [s for part in _rights(left) for s in _lefts(part)]
        first = max(stretches, key=lambda s: _worth(s, stated))
        second = max(_rights(right), key=lambda s: _worth(s, stated))
        worths = _worth(first, stated), _worth(second, stated)
        if normal(first) == normal(second):
            continue
        score = worths[0] + worths[1] + (1000 if all(worths) else 0)
        if best is None or score > best[0]:
            best = score, Alternatives(first, second, right[right.index(second) + len(second) :].strip(" ,"))
    if best and best[0] > 0:
        return best[1]
    return None


def _worth(name: str, stated: str) -> int:
    """The number of characters of a name that the facts mention: in full, without its parentheses, or 0."""
    return max((len(form) for form in (normal(name), bare(name)) if f" {form} " in stated), default=0)


def _lefts(left: str) -> list[str]:
    starts = [found.end() for found in re.finditer(r"[,:]? |^", left)][-_MAX_BOUNDARIES:]
    return [left[start:].strip(" ,") for start in starts]


def _rights(right: str) -> list[str]:
    ends = [found.start() for found in re.finditer(r"[,:]? |$", right)][:_MAX_BOUNDARIES]
    return [right[:end].strip(" ,") or right for end in ends]


def segment(option: str, other: str, fact: str) -> str | None:
    """The part of a fact that is about an option: the whole fact, or from the option on if it mentions both options.

    The name of the option itself is removed. If the fact does not mention the option, the result is None.
    """
    if not mentioned(option, fact):
        return None
    if not mentioned(other, fact) or bare(other) in bare(option):
        return _without(option, fact)
    here, there = _position(option, fact), _position(other, fact)
    return _without(option, fact[here:there] if here < there else fact[here:])


def _position(name: str, text: str) -> int:
    words = bare(name).split()
    found = re.search(r"\W+".join(map(re.escape, words[:12])), text.lower()) if words else None
    return found.start() if found else 0


def _without(name: str, text: str) -> str:
    """The text without the name, because a title may contain a year, which is not a date."""
    words = normal(name).split()
    pattern = r"\W+".join(map(re.escape, words[:20]))
    plain = r"\W+".join(map(re.escape, bare(name).split()[:20]))
    return re.sub(rf"(?<!\w)(?:{pattern}\)?|{plain})(?!\w)", " ", text, flags=re.I)


def bridges(text: str) -> list[str]:
    """The names in a text. Another fact about one of them, such as a film's director, may tell more of an option."""
    return [found[0] for found in compiled("<NAME>").finditer(text)]


_Value = TypeVar("_Value")


def value_of(
    option: str, other: str, stated: Stated, measure: Callable[[str], _Value | None]
) -> tuple[_Value, str] | None:
    """Measure an option by the facts about it, or by facts about a name that these mention.

    "The director of A is X. X was born in 1950." gives 1950 for A, through X. If the question is about a role ("whose
    director"), facts about such a name come before facts about the option itself.

    Args:
        option: the option.
        other: the other option.
        stated: the facts and the question.
        measure: a function that returns the value that a text states, or None.

    Returns:
        The value and the fact that states it; None if no fact does.
    """
    own = ((measure(text), fact) for text, fact in said_of(option, other, stated.facts))
    through = ((measure(text), fact) for text, fact in _said_through(option, other, stated.facts))
    ways = (through, own) if ROLE.search(stated.question.lower()) else (own, through)
    return next(((value, fact) for way in ways for value, fact in way if value is not None), None)


ROLE: Final = re.compile(
    r"\b(?:directors?|composers?|performers?|authors?|writers?|singers?|producers?|creators?|founders?|husband|wife|father|mother)\b"
)


def said_of(option: str, other: str, facts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of the part of a fact that is about the option, and the fact. The last pair joins all facts."""
    joined = []
    for fact in facts:
        text = segment(option, other, fact)
        if text is not None:
            joined.append(text)
            yield text, fact
    # One fact may state the birth and another the death, and both are needed for the length of a life.
    if len(joined) > 1:
        yield " ".join(joined), " ".join(joined)


def _said_through(option: str, other: str, facts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text, source in said_of(option, other, facts):
        for name in bridges(text):
            if normal(name) in STOP_WORDS or mentioned(name, other):
                continue
            spoken = []
            for fact in facts:
                if fact != source and mentioned(name, fact) and not mentioned(option, fact):
                    said = segment(name, other, fact)
                    if said:
                        spoken.append(said)
                        yield said, fact
            if len(spoken) > 1:
                yield " ".join(spoken), " ".join(spoken)
            said = segment(name, other, source)
            if said:
                # In "A was directed by X, who died in 1950", the words after the name are about X.
                yield text[text.find(name) + len(name) :], source
