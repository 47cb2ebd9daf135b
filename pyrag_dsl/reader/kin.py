"""Relations between people: spouse, parents, siblings, children."""

# A pattern broken over lines cannot be read.
# ruff: noqa: E501

from __future__ import annotations

from typing import Final

from .questions import Kind
from .relation import Relation

_MARRIED = r"(?:(?:was|is|were|got|had been) )?(?:first |also |later |then |secondly |subsequently )?(?:re)?[Mm]arried"
_KIN = r"(?:(?:the|his|her|their|a|an|to|of|was|is|were|named|called|with|fellow|future|late|former|first|second|third|then|one|only|eldest|elder|oldest|younger|youngest|older|famous|noted|current|late|twin|queen|king|consort|emperor|princess|prince|step|half|actor|actress|singer|politician|director|producer|writer|author|musician|artist|model|composer|<NAT>|[a-z]+-[a-z]+|businessman|film|television|footballer|player|King|Emperor|Queen|Sultan|Prince|Princess|Duke|Earl|Count|Lord|Sir|Lady|Baron|cousin|merchant|diplomat),? ){0,5}?"


KIN: Final = (
    Relation(
        "spouse",
        r"\b(?:spouses?|married|husband|wife|marry|marries|wives|widow|consort|wed)\b",
        Kind.PERSON,
        (
            rf"\b{_MARRIED} {_KIN}(<PERSON>)",
            # "The son of A and his wife B" tells of the parents' marriage.
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
