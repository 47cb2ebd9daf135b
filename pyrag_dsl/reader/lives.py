"""Relations of one life: when and where somebody was born, died and lies buried."""

# A pattern broken over lines cannot be read.
# ruff: noqa: E501

from __future__ import annotations

from typing import Final

from .questions import Kind
from .relation import Relation

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
