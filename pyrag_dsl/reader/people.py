"""Relations of people: family, dates and places of their lives, and their works."""

# Long patterns stay on one line, because they are harder to read when they are split.
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .questions import Kind


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation between the subject of a question and the answer.

    `patterns.compiled` replaces slots such as `<DATE>` in the patterns. Documents are not trusted, so no pattern may have
    an unbounded repetition.

    Attributes:
        name: the name of the relation in knowledge bases.
        cue: a regular expression that finds the relation in the frame of a question.
        kind: the kind of its answers.
        patterns: regular expressions for a sentence, best first. Group 1 is the answer.
        opening: patterns for the first sentence of a document, tried before the others. Encyclopaedias state dates and
            places of a life there.
        strict: whether the answer is `unknown` if no pattern matches. Otherwise the nearest span of the right kind may
            be the answer, but for example a name that is only near is not a spouse.
    """

    name: str
    cue: str
    kind: Kind
    patterns: tuple[str, ...]
    opening: tuple[str, ...] = ()
    strict: bool = False


_MARRIED = r"(?:(?:was|is|were|got|had been) )?(?:first |also |later |then |secondly |subsequently )?(?:re)?[Mm]arried"
_KIN = r"(?:(?:the|his|her|their|a|an|to|of|was|is|were|named|called|with|fellow|future|late|former|first|second|third|then|one|only|eldest|elder|oldest|younger|youngest|older|famous|noted|current|late|twin|queen|king|consort|emperor|princess|prince|step|half|actor|actress|singer|politician|director|producer|writer|author|musician|artist|model|composer|<NAT>|[a-z]+-[a-z]+|businessman|film|television|footballer|player|King|Emperor|Queen|Sultan|Prince|Princess|Duke|Earl|Count|Lord|Sir|Lady|Baron|cousin|merchant|diplomat),? ){0,5}?"


KIN: Final = (
    Relation(
        "spouse",
        r"\b(?:spouses?|married|husband|wife|marry|marries|wives|widow|consort|wed)\b",
        Kind.PERSON,
        (
            rf"\b{_MARRIED} {_KIN}(<PERSON>)",
            # "The son of A and his wife B" states the marriage of the parents.
            rf"(?<!and his )(?<!and her )(?<!by his )\b(?:wife|husband|spouse|widow|widower|consort|marriage|fiancée?),? {_KIN}(<PERSON>)",
            rf"\b(?:wife|husband|spouse|widow|consort)\b,? (?:of|to|was|is) {_KIN}(<PERSON>)",
            rf"\b{_MARRIED}\b.{{0,60}}? to {_KIN}(<PERSON>)",
            rf"\b{_MARRIED}\b.{{0,50}}?,? (<PERSON>)",
            r"\b(?:marriage|wedding|wed|weds|weds|engaged)\b.{0,30}? (?:to|with|of) (?:the )?(?:[a-z]+ ){0,3}?(<PERSON>)",
            r"(<PERSON>),? (?:his|her) (?:[a-z]+ ){0,2}(?:wife|husband|spouse)\b",
            r"\bmother of\b.{0,60}? (?:by|with) (<PERSON>)",
        ),
        strict=True,
    ),
    Relation(
        "father",
        r"\b(?:father|dad|fathered)\b",
        Kind.PERSON,
        (
            rf"\b(?:son|daughter|child) of .{{2,100}}? and her (?:[a-z]+ ){{0,2}}husband,? {_KIN}(<PERSON>)",
            rf"\b(?:[Ss]on|[Dd]aughter|[Cc]hild|[Cc]hildren|sons|daughters|born)(?: born)?,? (?:of|to) (?:the )?{_KIN}(<PERSON>)",
            rf"\b[Ff]ather,? {_KIN}(<PERSON>)",
            rf"\b(?:[Ss]on|[Dd]aughter|[Cc]hild) (?:[a-z]+ ){{0,4}}(?:of|to) {_KIN}(<PERSON>)",
            r"\b(?:succeeded|succeeding) (?:his|her) father,? (?:[A-Z]\w+ )?(<PERSON>)",
            r"(<PERSON>),? (?:his|her|the) father\b",
            r"\bparents (?:were|are|,)? ?(?:[a-z]+ ){0,3}?(<PERSON>)",
            r"\bborn\b.{0,60}? to (?:[a-z]+ ){0,4}?(<PERSON>)",
            r"\b(?:[Ss]on|[Dd]aughter|child)\b.{0,60}? of (?:the )?(?:[a-z]+ ){0,3}?(<PERSON>)",
        ),
        strict=True,
    ),
    Relation(
        "mother",
        r"\b(?:mother|mom|mum)\b",
        Kind.PERSON,
        (
            rf"\b[Mm]other,? {_KIN}(<PERSON>)",
            r"\b(?:[Ss]on|[Dd]aughter|[Cc]hild) of ((?:Queen|Princess|Lady|Countess|Duchess|Empress|Archduchess) <PERSON>)",
            rf"\b(?:[Ss]on|[Dd]aughter|[Cc]hild|[Cc]hildren|born)\b.{{0,130}}? (?:and|by|with) (?:of )?(?:his|her|the)(?: [a-z\-]+){{0,3}} (?:wife|spouse|consort|partner|mistress|concubine|Queen|queen),? {_KIN}(<PERSON>)",
            rf"\b(?:[Ss]on|[Dd]aughter|[Cc]hild|[Cc]hildren|sons|daughters|born)(?: [a-z]+)? (?:of|to) {_KIN}<PERSON>.{{0,80}}? (?:and|by) {_KIN}(<PERSON>)",
            rf"\bby (?:his|her)(?: [a-z]+){{0,2}} wife,? {_KIN}(<PERSON>)",
            r"(<PERSON>),? (?:his|her|the) mother\b",
            r"\bparents\b.{0,80}? and (<PERSON>)",
        ),
        strict=True,
    ),
    Relation(
        "sibling",
        r"\b(?:siblings?|brothers?|sisters?)\b",
        Kind.PERSON,
        (
            rf"\b(?:[Bb]rother|[Ss]ister|[Ss]ibling)s?,? {_KIN}(<PERSON>)",
            rf"\b(?:brother|sister|sibling)s?\b.{{0,40}}? (?:of|is|was|are|were|to|include) {_KIN}(<PERSON>)",
            r"(<PERSON>),? (?:his|her|the|a) (?:[a-z]+ ){0,2}(?:brother|sister)\b",
        ),
        strict=True,
    ),
    Relation(
        "child",
        r"\b(?:child|children|sons?|daughters?|offspring)\b",
        Kind.PERSON,
        (
            rf"\b(?:father|mother|parents?|sire|dam),? (?:of|to) {_KIN}(<PERSON>)",
            rf"\b(?:son|daughter|child|children)s?,? {_KIN}(<PERSON>)",
            rf"\b(?:son|daughter|child|children|sired|begot|issue)\b.{{0,40}}? (?:is|was|were|are|named|including|include|:) {_KIN}(<PERSON>)",
            r"(<PERSON>),? (?:his|her) (?:[a-z]+ ){0,2}(?:son|daughter|child)\b",
        ),
        strict=True,
    ),
)


LIVES: Final = (
    Relation(
        "date of birth",
        r"\b(?:born|birth ?da(?:te|y)|date of birth|birth year|year of birth)\b",
        Kind.DATE,
        (
            r"\b[Bb]orn (?:on |in |c\. )?(<DATE>)",
            r"\b[Bb]orn\b.{0,80}?\b(?:on|in) (?:the )?(<FULL_DATE>)",
            r"\b[Bb]orn\b.{0,80}?(<DATE>)",
            r"\bbirth(?: was)?(?: on| in)? (<DATE>)",
            r"\((<DATE>)\s?[–—-]",
        ),
        opening=(
            r"\([^()\d]{0,160}?(<FULL_DATE>)",
            r"\([^()\d]{0,160}?(<DATE>)(?=\s?[–—\-),;/]| in | at | or )",
            r"\b[Bb]orn (?:on |in )?(<DATE>)",
        ),
        strict=True,
    ),
    Relation(
        "date of death",
        r"\b(?:date of death|die[sd]?|death|dead|pass(?:ed)? away|past away|killed)\b",
        Kind.DATE,
        (
            r"\bdied (?:on |in |c\. |around )?(<DATE>)",
            r"\b(?:died|death|killed|executed|assassinated|passed away)\b.{0,90}?\b(?:on|in) (<FULL_DATE>)",
            r"\b(?:died|death|killed|executed|murdered|assassinated|passed away)\b.{0,90}?(<DATE>)",
            r"<DATE>[^()]{0,40}?\s?[–—-]\s?(?:[^()\d]{0,40}?[\s,])?(?:c\. ?)?(<DATE>)",
        ),
        opening=(
            r"\([^()\d]{0,160}?<DATE>[^()\d]{0,60}?[–—\-\s][^()\d]{0,60}?(<FULL_DATE>)",
            r"\([^()\d]{0,160}?(?:<DATE>|\?)[^()\d]{0,60}?[–—-][^()\d]{0,60}?(<DATE>)",
            r"\([^()]{0,60}?\b(?:died|d\.) (?:on |in |c\. )?(<DATE>)",
        ),
        strict=True,
    ),
    Relation(
        "place of birth",
        r"\b(?:place of birth|birth ?place|city of birth|born|(?:where|city|town|place|state|county).*\bfrom)\b",
        Kind.PLACE,
        (
            r"\b[Bb]orn(?:[^.]{0,90}?)? (?:in|at) (?:the (?:city|town|village|parish|municipality|small town) of |the )?(<PLACE>)",
            r"\b(?:is |was |hails |originally |who is |comes |came )from (<PLACE>)",
            r"\b(?:[Nn]ative|resident) of (?:the )?(<PLACE>)",
            r"\b(<PLACE>)[ -](?:born|native)\b",
            r"\bbirth ?place(?: of| is| was|,)? (<PLACE>)",
            r"\b[Bb]orn.{0,120}? in (<PLACE>)",
        ),
        opening=(
            r"\([^()]{0,100}?\b(?:born|b\.)[^()]{0,80}?<DATE>,? (?:in|at) (<PLACE>)",
            r"\([^()]{0,80}?<DATE>[,;]? (?:in|at) (<PLACE>)[^()]{0,30}[–—);-]",
            r"\([^()]{0,80}?<DATE>[,;] (<PLACE>)\s?[–—);-]",
            r"\((?:[Bb]orn )?(?:in )?(<PLACE>),? (?:c\. )?<DATE>",
            r"\b[Bb]orn(?:.{0,80}?)? (?:in|at) (?:the )?(<PLACE>)",
        ),
        strict=True,
    ),
    Relation(
        "place of death",
        r"\b(?:place of death|city of death|die[sd]?|death|pass(?:ed)? away|killed)\b",
        Kind.PLACE,
        (
            r"\b(?:[Dd]ied|passed away)\b(?:.{0,90}?)? (?:in|at|near) (?:his home in |her home in |his residence in |the (?:city|town|village) of |(?:a|the) [a-z ]{1,30} in |(?:his|her) [a-z ]{1,20} (?:in|at) |the )?(<PLACE>)",
            r"\b(?:death|killed|executed|assassinated|murdered|suicide|drowned)\b.{0,80}? (?:in|at|near) (?:the )?(<PLACE>)",
            r"[–—-]\s?<DATE>[,;]? (?:in |at )?(<PLACE>)\s?\)",
            r"\bretired to (<PLACE>)",
        ),
        opening=(
            r"[–—-]\s?(?:<DATE>|\?)[,;]? (?:in|at) (<PLACE>)",
            r"[–—-]\s?<DATE>[,;] (<PLACE>)\s?\)",
            r"[–—-]\s?(?:in )?(<PLACE>),? (?:c\. )?<DATE>\s?\)",
        ),
        strict=True,
    ),
    Relation(
        "place of burial",
        r"\b(?:buried|burial|interred|grave)\b",
        Kind.PLACE,
        (
            r"\b(?:buried|interred|entombed|laid to rest)(?:.{0,60}?)? (?:in|at) (?:the )?(<PLACE>)",
            r"\b(?:tomb|grave|remains|body)(?:.{0,40}?)? (?:in|at) (?:the )?(<PLACE>)",
        ),
        strict=True,
    ),
    Relation(
        "cause of death",
        r"\bcause of death\b|\bhow did .{0,60}\bdie\b|\bdie (?:of|from)\b",
        Kind.OTHER,
        (
            r"\b(?:died|dies|death)(?:.{0,60}?)? (?:of|from|by|due to) (?:an? |the )?([a-z][\w\- ]{2,40}?)(?= on| in| at| when|[.,;])",
        ),
        strict=True,
    ),
)


WORKS: Final = (
    Relation(
        "director",
        r"\bdirect(?:or|ors|ed|s)\b",
        Kind.PERSON,
        (
            r"\b(?:co-)?[Dd]irected(?: and [a-z\- ]{3,40}| [a-z]+)?,? by (?:[a-z\-]+ ){0,4}?(<PEOPLE>)",
            r"\b[Dd]irected,? (?:[a-z\-]+,? (?:and )?){1,6}by (?:[a-z\-]+ ){0,2}?(<PEOPLE>)",
            r"\bdirection (?:of|by) (<PEOPLE>)",
            r"\b[Dd]irector(?: is| was|,|:)? (<PERSON>)",
            r"\b(?:film|movie|comedy|drama|thriller|short|documentary|western)s?(?: [a-z]+){0,4} by (?:[a-z\-]+ ){0,4}?(<PEOPLE>)",
            r"\b(?:made|filmed|helmed|shot|written|created|produced) by (?:[a-z\-]+ ){0,4}?(<PEOPLE>)",
            r"\bof (<PERSON>)'s? (?:film|movie|directorial)",
            r"(<PERSON>)'s? (?:\w+[ -]){0,3}(?:film|movie|directorial|feature)",
            r"(<PERSON>),? (?:who )?(?:also )?(?:directed|directs)\b",
        ),
    ),
    Relation(
        "screenwriter",
        r"\b(?:screenwriter|screenplay|scriptwriter|script)\b",
        Kind.PERSON,
        (
            r"\b(?:screenplay|script|scripted|teleplay)(?: was| is)?(?: written)? by (?:[a-z\-]+ ){0,3}?(<PEOPLE>)",
            r"\b[Ww]ritten(?: and [a-z\- ]{3,30})? by (?:[a-z\-]+ ){0,4}?(<PEOPLE>)",
            r"\bscreenwriter (<PERSON>)",
        ),
    ),
    Relation(
        "producer",
        r"\bproduced?\b(?!.*\bcompan)|\bproducers?\b",
        Kind.PERSON,
        (
            r"\b[Pp]roduced(?: and [a-z]+)? by (?:[a-z\-]+ ){0,4}?(<PEOPLE>)",
            r"\bproducers?(?: is| was| were|,)? (<PEOPLE>)",
            r"\bproduction (?:of|by) (<PEOPLE>)",
            r"\bproduced\b.{0,60}? by (?:[a-z\-]+ ){0,3}?(<PEOPLE>)",
        ),
    ),
    Relation(
        "composer",
        r"\b(?:composers?|composed|music(?:al)? (?:by|for|of|score)|scored)\b",
        Kind.PERSON,
        (
            r"\b(?:[Cc]omposed|scored)(?: and [a-z]+)? by (?:[a-z\-]+ ){0,4}?(<PERSON>)",
            r"\b(?:music|score|soundtrack|songs)(?: (?:and|for|of|to|the|film|was|is|were|background|songs|lyrics|album|composed|written|score|his|her|its)){0,6} (?:by|from) (?:[a-z\-]+ ){0,4}?(<PERSON>)",
            r"\bcomposed\b.{0,60}? by (?:[a-z\-]+ ){0,4}?(<PERSON>)",
            r"\b(?:written|opera|song|ballet|musical|symphony|piece|operetta|instrumental)\b.{0,50}? by (?:[a-z\-]+ ){0,4}?(<PERSON>)",
            r"\bcomposer,? (<PERSON>)",
            r"\b(<PERSON>),? (?:who )?(?:also )?(?:composed|wrote)\b",
            r"(<PERSON>)'s? (?:\w+ ){0,3}(?:opera|song|ballet|musical|symphony)",
        ),
    ),
    Relation(
        "performer",
        r"\b(?:performers?|performed|sang|sings?|sung|singer|artist|recorded|band|records)\b",
        Kind.PERSON,
        (
            r"\b(?:sung|performed|recorded|released)(?: and [a-z]+)? by (?:the )?(?:(?:<NAT>|[a-z][\w\-/&]*),? ){0,6}?(<PERFORMER>)",
            r"\b(?:song|single|album|track|EP|mixtape|record|ballad|LP|recording|hit|duet|tune|compilation)\b.{0,40}? (?:by|from|of) (?:the )?(?:(?:<NAT>|[A-Z]\w+-[a-z]+|[a-z][\w\-/&]*),? ){0,8}?(<PERFORMER>)",
            r"(?<!written )(?<!produced )(?<!directed )(?<!composed )\bby (?:the )?(?:(?:<NAT>|[a-z][\w\-/&]*),? ){0,6}?(<PERFORMER>)",
            r"(<PERFORMER>)'s? (?:\w+[ -]){0,4}(?:album|song|single|EP|record)",
            r"(<PERFORMER>),? (?:who )?(?:sang|sings|performed|recorded)\b",
        ),
    ),
    Relation(
        "author",
        r"\b(?:authors?|wrote|written|writers?|novelist|writes|penned)\b",
        Kind.PERSON,
        (
            r"\b(?:[Ww]ritten|authored|penned)(?: and [a-z\- ]{3,30})? by (?:the )?(?:(?:<NAT>|[a-z\-]+) ){0,5}?(<PERSON>)",
            r"\b(?:novel|book|poem|play|story|work|treatise|essay|series|song|memoir|novella|song|collection|opera|magazine|comic|biography)s?\b.{0,40}? by (?:the )?(?:(?:<NAT>|[a-z\-]+) ){0,5}?(<PERSON>)",
            r"(<PERSON>),? (?:who )?(?:also )?(?:wrote|authored|published|penned)\b",
            r"\b[Aa]uthor(?: is| was|,|:)? (<PERSON>)",
            r"\bby (?:the )?(?:(?:<NAT>|[a-z\-]+) ){0,4}?(<PERSON>)",
            r"(<PERSON>)'s? (?:\w+ ){0,3}(?:novel|book|poem|play|story|masterpiece)",
        ),
    ),
    Relation(
        "record label",
        r"\b(?:record label|label|lable|signed (?:to|with))\b",
        Kind.ORGANISATION,
        (
            r"\b(?:through|on|by|via|under|from|with|to) (?:the )?(?:[a-z]+ )?(?:label )?(<NAME> (?:Records|Recordings|Music|Entertainment|Nashville|Sound))\b",
            r"\b(?:label|imprint)s?,? (?:[a-z]+ ){0,2}?(<NAME>)",
            r"\b(?:through|on|by|via|under) (?:the )?(<NAME>)(?= label|[.,;]| in )",
            r"\b(<NAME> (?:Records|Recordings))\b",
        ),
    ),
)
