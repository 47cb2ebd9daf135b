"""Sentences in which models say that they have no answer: "The birth date of X is unknown.", "I could not find it."

The words of such sentences are in lower case, while those of titles are not: "The cause is unknown" says that there is
no answer, but "The Truth Is Unknown" is one. Every clause of a text must say so, or be about the passages. A text that
continues with "but" or with a fact is an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_ASKED = r"(?:who|whom|whose|what|when|where|which|why|how|whether|if)"
_TELL = (
    r"(?:determine|find|tell|say|answer|identify|locate|establish|infer|verify|confirm|know|conclude|deduce|provide"
    r"|give|see|be (?:sure|certain))"
)
_TOLD = r"(?:determined|found|identified|established|inferred|answered|confirmed|verified|known|said|given|located)"
_HOW = r"(?:(?:currently|still|also|simply|explicitly|clearly|directly|specifically|publicly|yet|well|really) )?"
_MISSING = (
    r"(?:known|clear|certain|found|available|given|stated|specified|mentioned|provided|recorded|documented|included"
    r"|disclosed|listed|named|identified|reported|determined|established|answered|indicated|determinable|present)"
)
_UNSETTLED = (
    r"(?:unknown|unclear|uncertain|unspecified|undetermined|undocumented|unavailable|undisclosed|unidentified"
    rf"|unrecorded|insufficient|inconclusive|not {_HOW}{_MISSING})"
)
_IS = r"(?:is|are|was|were|remains?|seems|appears|has been|have been|could be|can be)"
_SOURCE = (
    r"(?:passages?|documents?|docs?|contexts?|texts?|information|info|sources?|search results?|evidence|articles?"
    r"|excerpts?|snippets?|data|material)(?: \[\d+\])?"
)
_GIVEN = r"(?:provided|given|retrieved|available|supplied|above|following|two|three|four|five|\d+)"
_THING = (
    r"(?:information|info|answers?|mentions?|evidence|data|details?|records?|indications?|references?|facts?|context"
    rf"|clues?|matches|knowledge|results?|{_SOURCE})"
)
_KIND = (
    r"(?:(?:relevant|specific|specified|further|such|direct|clear|explicit|additional|reliable|useful|definitive"
    r"|definite|sufficient|known) )*"
)
_WHERE = (
    r"(?: (?:in|from|by|within|on|at|based on|according to|anywhere|here|with certainty|for (?:certain|sure)"
    rf"|to (?:me|us|the public|historians|scholars|{_TELL}))\b.*)?"
)
# The rest of a clause: words of a sentence, or a name after which the sentence continues, but no second answer.
_REST = r"(?: (?!or\b)(?:[a-z0-9\"'\u201c].*|[A-Z][\w.-]*(?: [A-Z][\w.-]*)*(?:'s?| (?:in|from|was|is|did|had))\b.*))?"
_CANNOT = r"(?:do not|don't|cannot|can not|can't|could not|couldn't|did not|didn't|would not|wouldn't)"
_SILENT = (
    r"(?:(?:do|does|did)(?: not|n't)(?: \w+)?|fails? to|(?:provide|contain|give|offer|include|make|hold)s? no"
    r"|ha(?:s|ve) no|lacks?|(?:is|are) (?:silent|insufficient|not (?:enough|sufficient|clear)))"
)
_NAME_IT = (
    r"(?:mention|say|state|contain|provide|give|specif(?:y|ie)|name|answer|indicate|describe|identif(?:y|ie)|include"
    r"|address|discus|discuss|support|tell|cover)(?:e?s)?"
)

_CLAUSES = tuple(
    re.compile(pattern)
    for pattern in (
        # The birth date of X is unknown. His birthplace was not recorded in Doc [1].
        rf"(?!(?:yes|no)\b,).{{1,160}}? {_IS} {_HOW}{_UNSETTLED}{_WHERE}",
        rf"(?!(?:yes|no)\b,).{{1,160}}? (?:is|are|was|were|has been|have been)n't {_HOW}{_MISSING}{_WHERE}",
        rf"(?!(?:yes|no)\b,).{{1,160}}? {_CANNOT} be {_HOW}{_TOLD}{_WHERE}",
        rf"(?:the |his |her |its |their )?[a-z'][a-z' ]{{1,40}} {_UNSETTLED}{_WHERE}",
        rf"{_UNSETTLED}{_WHERE}",
        r"(?:(?:the |this |that )?[a-z ]{1,40} (?:is|are|was|were) )?not in (?:the |these |any )"
        rf"(?:{_GIVEN} )*{_SOURCE}\b.*",
        # It is not known who wrote it. It is impossible to say.
        rf"(?:it|this|that)(?: {_IS}|'s) {_HOW}(?:{_UNSETTLED}|impossible|not possible)"
        rf" (?:{_ASKED}|to {_TELL}|from|in|based on)\b.*",
        rf"(?:it|they|this|that) (?:do|does|did)(?: not|n't) {_NAME_IT}{_REST}",
        # I don't know who it was. I'm not sure. We have no information about her.
        rf"(?:i|we) {_CANNOT} (?:\w+ly )?(?:{_TELL}|have|help|access){_REST}",
        rf"(?:i|we)(?:'m| am|'re| are| was| were) (?:(?:not|un) ?(?:sure|aware|certain|familiar|able)){_REST}",
        r"(?:i|we) (?:have|found|find|see|had) (?:no|nothing|not enough|insufficient)"
        rf"(?: {_KIND}(?:{_THING}|idea|way|access)\b.*)?",
        r"(?:i|we) lack\b.*",
        rf"(?:nobody|no one|no-one) knows (?:{_ASKED}|for (?:sure|certain)|exactly|the)\b.*",
        r"nothing (?:is|was|has been) (?:known|said|mentioned|stated|recorded|given)\b.*",
        # Unable to determine the year. Can't be determined.
        rf"(?:unable|not able|impossible|not possible) to (?:{_TELL}){_REST}",
        rf"{_CANNOT} (?:{_TELL}|be {_TOLD}){_REST}",
        # No information available. There is no mention of X. No birth date is given.
        r"(?:there(?: is| are| was| were|'s) )?(?:no|not any|not enough|insufficient|not sufficient) "
        rf"{_KIND}{_THING}(?: {_IS})?(?: {_MISSING})?"
        rf"(?: (?:about|of|that|which|regarding|concerning|as to|on|for|to)\b.*|{_WHERE})",
        rf"there(?: is|'s|are| was| were)?n't (?:any|enough|sufficient) {_KIND}{_THING}\b.*",
        rf"no (?:such )?[a-z' ]{{2,60}}? (?:is|are|was|were|has been|have been) {_HOW}{_MISSING}{_WHERE}",
        # The passages do not mention it. None of the documents says so. Neither passage names her.
        r"(?:(?:the|these|those|this|none of the|neither of the|nothing in the|all|both) )?"
        rf"(?:{_GIVEN} )*{_SOURCE}(?: {_GIVEN})? {_SILENT}\b.*",
        r"(?:none of the|none of these|neither of the|neither|no|nothing in the|nothing in these) "
        rf"(?:{_GIVEN} )*{_SOURCE}(?: {_GIVEN})? {_NAME_IT}\b.*",
    )
)
_OPENERS = re.compile(
    r"(?:(?:i'm |i am )?(?:very |so |really )?sorry,?(?: but)?|unfortunately,?|apologies,?|my apologies,?"
    r"|as an ai(?: language)?(?: model)?,?|therefore,?|thus,?|hence,?|so,?|the (?:final )?answer is(?: that)?:?|answer:"
    r"|it (?:seems|appears) that|i (?:think|believe)(?: that)?"
    rf"|(?:based on|according to|from|in) (?:the |these |those )?(?:{_GIVEN} )*{_SOURCE}(?: {_GIVEN})?,?) (?=\S)",
    re.IGNORECASE,
)
_ENDS = re.compile(r"(?<=[.!?])\s+(?=[A-Z(])|\s+[-\u2013\u2014]+\s+|\s*[();]\s*|\n+")
_LABEL = re.compile(r"[A-Za-z][\w' ]{0,60}: (?=[a-z])")
_GOES_ON = re.compile(r"\b(?:(?i:but|however|although|though|except)\b|or [A-Z]|(?:the answer|idea) [A-Z])")
_SOURCES = re.compile(rf"\b(?:{_SOURCE}|mention(?:s|ed)?)\b")


def says_nothing(text: str, is_phrase: Callable[[str], bool]) -> bool:
    """Whether a text says, in one or more sentences, that there is no answer.

    Args:
        text: the text.
        is_phrase: whether a clause is one of the short phrases that say so.
    """
    plain = text.strip().replace("\u2019", "'")
    if plain.isupper():
        plain = plain.lower()
    clauses = [clause for part in _ENDS.split(plain) if (clause := _bare(part))]
    if not clauses or any(_GOES_ON.search(clause) for clause in clauses):
        return False

    def empty(clause: str) -> bool:
        return is_phrase(clause) or any(each.fullmatch(clause) for each in _CLAUSES)

    return empty(clauses[0]) and all(empty(clause) or _SOURCES.search(clause) for clause in clauses[1:])


def _bare(clause: str) -> str:
    """A clause without punctuation around it, introducing words and label, and with a small first letter."""
    clause = clause.strip(" \t.!?,;:*_\"'\u201c\u201d")
    while True:
        shorter = _LABEL.sub("", _OPENERS.sub("", clause, count=1) if _OPENERS.match(clause) else clause, count=1)
        if shorter == clause:
            break
        clause = shorter
    return clause[:1].lower() + clause[1:]
