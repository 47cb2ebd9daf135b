"""Relations between a work and who made it: director, composer, author, label."""

# A pattern broken over lines cannot be read.
# ruff: noqa: E501

from __future__ import annotations

from typing import Final

from .questions import Kind
from .relation import Relation

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
