"""The table of relations: how a question asks for one, and how prose states it.

Each row pairs a cue (looked for in the question's frame) with patterns for sentences, best first; group 1 of a
pattern is the answer. Slots such as ``<DATE>`` are filled in by `names.compiled`. A pattern marked `opening` is
tried on a document's first sentence only, where encyclopaedias put the dates and places of a life.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .questions import Kind, Question, compatible


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation between the thing asked about and the answer.

    Attributes:
        name: the relation's name, as knowledge bases call it.
        cue: regular expression over a question's frame.
        kind: the kind of its answers.
        patterns: regular expressions over a sentence, best first; group 1 is the answer.
        opening: patterns for a document's first sentence, tried before the others.
        strict: whether silence means `unknown`. A name that merely stands nearby is no spouse.
    """

    name: str
    cue: str
    kind: Kind
    patterns: tuple[str, ...]
    opening: tuple[str, ...] = ()
    strict: bool = False


_MARRIED = r"(?:(?:was|is|were|got|had been) )?(?:first |also |later |then |secondly |subsequently )?(?:re)?[Mm]arried"
_KIN = r"(?:(?:the|his|her|their|a|an|to|of|was|is|were|named|called|with|fellow|future|late|former|first|second|third|then|one|only|eldest|elder|oldest|younger|youngest|older|famous|noted|current|late|twin|queen|king|consort|emperor|princess|prince|step|half|actor|actress|singer|politician|director|producer|writer|author|musician|artist|model|composer|<NAT>|[a-z]+-[a-z]+|businessman|film|television|footballer|player|King|Emperor|Queen|Sultan|Prince|Princess|Duke|Earl|Count|Lord|Sir|Lady|Baron|cousin|merchant|diplomat),? ){0,5}?"

RELATIONS: Final = (
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
            r"\b(?:sung|performed|recorded|released)(?: and [a-z]+)? by (?:the )?(?:(?:<NAT>|[a-z][\w\-/&]*),? ){0,6}?(<NAME>)",
            r"\b(?:song|single|album|track|EP|mixtape|record|ballad|LP|recording|hit|duet|tune|compilation)\b.{0,40}? (?:by|from|of) (?:the )?(?:(?:<NAT>|[A-Z]\w+-[a-z]+|[a-z][\w\-/&]*),? ){0,8}?(<NAME>)",
            r"\bby (?:the )?(?:(?:<NAT>|[a-z][\w\-/&]*),? ){0,6}?(<NAME>)",
            r"(<NAME>)'s? (?:\w+[ -]){0,4}(?:album|song|single|EP|record)",
            r"(<NAME>),? (?:who )?(?:sang|sings|performed|recorded)\b",
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
    Relation(
        "spouse",
        r"\b(?:spouses?|married|husband|wife|marry|marries|wives|widow|consort|wed)\b",
        Kind.PERSON,
        (
            rf"\b{_MARRIED} {_KIN}(<PERSON>)",
            rf"\b(?:wife|husband|spouse|widow|widower|consort|marriage|fiancée?),? {_KIN}(<PERSON>)",
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
    Relation(
        "founder",
        r"\b(?:founders?|founded by|who (?:first )?(?:founded|created|established|started|invented|developed|discovered|designed|built|made)|creator|created by|inventor|developer|designer|architect)\b",
        Kind.PERSON,
        (
            r"\b(?:co-)?(?:[Ff]ounded|[Ee]stablished|[Cc]reated|[Ss]tarted|invented|developed|designed|discovered|formed|built|painted|conceived|launched)(?:,? (?:in|on) [^,]{2,30},?)?(?: and [a-z]+)? by (?:the )?(?:(?:<NAT>|[a-z\-]+),? ){0,6}?(<PEOPLE>)",
            r"\b(?:founder|creator|inventor|designer|architect|developer)s?,? (?:(?:is|was|were|of|the|and|[a-z]+),? ){0,3}?(<PERSON>)",
            r"(<PEOPLE>),? (?:who )?(?:co-)?(?:founded|established|created|invented|developed|designed|started)\b",
            r"\b(?:founded|created|established|developed|formed)\b.{0,60}? by (?:the )?(?:[a-z\-]+ ){0,4}?(<PEOPLE>)",
            r"\b(?:painting|work|statue|sculpture|cartoon|strip|series|building)\b.{0,50}? by (?:the )?(?:(?:<NAT>|[a-z\-]+) ){0,5}?(<PERSON>)",
        ),
    ),
    Relation(
        "inception",
        r"\b(?:found|establish|creat|form|incorporat|start|open|charter|built|complet|construct|launch)ed\b|\binception\b|\bbuilt\b|\bbegin\b|\bbegan\b|\bstart\b|\bopen\b",
        Kind.DATE,
        (
            r"\b(?:founded|established|formed|created|incorporated|opened|began|started|launched|built|chartered|completed|constructed|inaugurated)\b(?: [a-z]+){0,3}? (?:in|on|since) (?:the )?(?:[a-z]+ )?(<DATE>)",
            r"\b(?:founded|established|formed|created|incorporated|opened|began|started|launched|built|chartered|completed|constructed|founding|establishment)\b.{0,70}?(<DATE>)",
            r"\b(?:[Ii]n|[Ss]ince) (<DATE>)\b.{0,60}?\b(?:founded|established|formed|created|opened|began|started|launched|built|completed)\b",
            r"\bdates? (?:back )?(?:to|from) (<DATE>)",
        ),
    ),
    Relation(
        "publication date",
        r"\b(?:releas(?:ed?|ing)|publi(?:shed|cation|sh)|com(?:e|ing) out|came out|premi?ered?s?|air(?:ed)?|debut(?:ed)?)\b",
        Kind.DATE,
        (
            r"\b(?:[Rr]eleased|published|premiered|aired|debuted|issued)\b(?: [a-z]+){0,4}? (?:in|on) (?:the )?(<FULL_DATE>)",
            r"\b(?:[Rr]eleased|published|premiered|aired|debuted|issued|premiere|release)\b.{0,80}?(<DATE>)",
            r"\b(?:is|was) (?:a|an|the|their|his|her)\b.{0,40}?(<DATE>)",
            r"\((<DATE>)\)",
        ),
        opening=(
            r"\b(?:is|was|are) (?:an?|the) (?:[\w\-]+ ){0,2}?(<DATE>)",
            r"\b(?:[Rr]eleased|published|premiered)\b.{0,60}?\b(?:in|on) (<DATE>)",
        ),
    ),
    Relation(
        "country of citizenship",
        r"\b(?:citizenship|nationality|citizen of|(?:country|nation)\b.*\b(?:from|citizen))\b",
        Kind.NATIONALITY,
        (
            r"\b(?:<NAT>(?:-born)?[ -])?(<NAT>)\b(?!-born)",
            r"\b(?:in|of|from) (<COUNTRY>)\b",
            r"\b(<COUNTRY>)\b",
            r"\bborn in <NAME>, (<NAME>)",
        ),
        opening=(
            r"\b(?:is|was|were|are) (?:an?|the|one of the) (?:[a-z\-]+,? ){0,4}?(?:<NAT>(?:-born)?[ -])?(<NAT>)\b(?!-born)",
            r"\b(?:is|was|were|are)\b.{0,80}?\b(?:<NAT>(?:-born)?[ -])?(<NAT>)\b(?!-born)",
        ),
    ),
    Relation(
        "country",
        r"\b(?:country|nation|countries)\b",
        Kind.COUNTRY,
        (
            r"\b(?:in|of|from|, ) ?(?:the )?(<COUNTRY>)\b",
            r"\b(<COUNTRY>)\b",
            r"\b(<NAT>)\b",
            r", (<NAME>)(?=[.]|$)",
            r"\bof (?:the )?(<NAME>)[.,]",
        ),
        opening=(
            r"\b(?:is|was|are|were) (?:an?|the) (?:[\w\-]+,? ){0,4}?(<NAT>)\b(?=.{0,60}(?:film|movie|song|album|series|book|novel|comedy|drama|company|band|group|magazine|team))",
        ),
    ),
    Relation(
        "occupation",
        r"\b(?:occupation|profession|job|do for a living|work as|line of work|role)\b",
        Kind.OCCUPATION,
        (
            r"\b(?:worked|works|work|served|career|known|appointed|elected) (?:as|for being) (?:an?|the) (?:<NAT> )?(<OCC>)\b",
            r"\b(<OCC>)\b",
        ),
        opening=(r"\b(?:is|was|are) (?:an?|the|one of [a-z]+)\b.{0,60}?\b(<OCC>)\b",),
        strict=True,
    ),
    Relation(
        "religion",
        r"\b(?:religion|denomination|faith|religious)\b",
        Kind.OTHER,
        (
            r"\b(Roman Catholic(?:ism)?|Catholic Church|Catholicism|Catholics?|Anglican(?:ism)?|Lutheran(?:ism)?|Presbyterian(?:ism)?|Methodis[tm]|Baptists?|Calvinis[tm]|Islam|Muslims?|Sunni|Shia|Hindu(?:ism|s)?|Buddh(?:ism|ists?)|Jewish|Judaism|Eastern Orthodox|Orthodox|Sikh(?:ism)?|Protestants?|Protestantism|Christian(?:ity)?|Quakers?|Mormon(?:ism)?)\b",
        ),
    ),
    Relation(
        "genre",
        r"\b(?:genre|type of music|kind of music|style of music)\b",
        Kind.OTHER,
        (
            r"\b(?:is|was|are|were) (?:an?|the)\b.{0,30}?\b((?:[a-z][a-z\-]{1,14} ){0,2}(?:rock|pop|jazz|folk|comedy|drama|thriller|horror|metal|punk|hip hop|fiction|blues|country|reggae|soul|disco|techno|opera|western|fantasy))\b",
        ),
    ),
    Relation(
        "language",
        r"\blanguages?\b",
        Kind.OTHER,
        (
            r"\b(<NAT>|English|Hindi|Tamil|Telugu|Malayalam|Kannada|Bengali|Urdu|Punjabi|Marathi|Gujarati|Latin|Arabic|Hebrew|Mandarin|Cantonese|Catalan|Basque|Yiddish|Esperanto|Swahili|Sanskrit|Nepali|Sinhala|Assamese|Odia)(?=[- ](?:[a-z]+ ){0,2}languages?)",
            r"\blanguages?\b.{0,30}? (?:is|are|was|were|in|of) (?:the )?([A-Z][a-z]+)",
            r"\bin (English|Hindi|Tamil|Telugu|Malayalam|Kannada|Bengali|Urdu|Latin|Arabic|Hebrew|Mandarin|Catalan|French|German|Spanish|Italian|Dutch|Russian|Japanese|Portuguese)\b",
        ),
    ),
    Relation(
        "award received",
        r"\b(?:awards?|prize|medal|honou?r)\b",
        Kind.OTHER,
        (
            r"\b(?:won|received|awarded|recipient of|winner of|win|earned)\b.{0,50}? (?:the |a |an )?((?:<ORG> )?(?:Award|Prize|Medal|Cross|Fellowship|Trophy|Cup|Oscar|Grammy|Emmy)(?: (?:for|in) [A-Z]\w+(?: [A-Z]\w+){0,4})?)",
            r"\b((?:<ORG> )(?:Award|Prize|Medal|Cross|Order of <NAME>))\b",
        ),
    ),
    Relation(
        "educated at",
        r"\b(?:educated|education|attend(?:ed)?|alma mater|study|studied|graduated?|universit(?:y|ies)|college|school)\b",
        Kind.ORGANISATION,
        (
            r"\b(?:educated|studied|graduated?|attended|degree|education|enrolled|diploma|student|alumnus|alumna|trained|doctorate|PhD|Ph\.D\.|B\.A\.|M\.A\.|graduate|graduating)\b.{0,70}? (?:at|from|attended|of|to) (?:the )?((?:<ORG> )?(?:University|College|School|Academy|Institute|Conservatory|Seminary|Gymnasium|Institution|Polytechnic|MIT)(?: (?:of|at|for|in) (?:the )?<ORG>)?)",
            r"\b(?:educated|studied|graduated?|attended|enrolled|degree|education|trained)\b(?:.{0,50}? (?:at|from|in))? (?:the )?(<ORG>)",
            r"\b((?:University of <NAME>|<NAME> (?:University|College|School|Academy|Institute)))",
        ),
    ),
    Relation(
        "employer",
        r"\b(?:employers?|employed|work(?:ed|s)? (?:for|at|in)|(?:where|what).*\bworks?(?:ed)?)\b",
        Kind.ORGANISATION,
        (
            r"\b(?:professor|worked|works|working|employed|lecturer|researcher|taught|teaches|joined|faculty|critic|editor|chair|member|wrote|writing|writes|journalist|served|curator|director|engineer|fellow)\b.{0,60}? (?:at|for|by|of|with|joined) (?:the )?(<ORG>)",
        ),
    ),
    Relation(
        "capital",
        r"\bcapital\b",
        Kind.PLACE,
        (
            r"\bcapital(?: and [a-z ]{3,30}?)?(?: city)?(?: of [^,.]{2,40}?)?,? (?:is|was|at|in|being|became|,) ?(?:the city of )?(<NAME>)",
            r"(<NAME>),? (?:(?:is|was|became|as|being|the|its|and|administrative|state|national|current|[a-z]+),? ){1,6}capital\b",
            r"\bcapital,? (?:city,? )?(<NAME>)",
        ),
    ),
    Relation(
        "named after",
        r"\b(?:named? (?:after|for)|namesake|eponym)\b",
        Kind.OTHER,
        (
            r"\b(?:[Nn]amed|called|naming|name)(?: it| him| her)? (?:after|for|in honou?r of|from) (?:the )?(?:(?:<NAT>|[a-z\-]+) ){0,6}?(<PERSON>)",
            r"\bin honou?r of (?:the )?(?:(?:<NAT>|[a-z\-]+) ){0,6}?(<PERSON>)",
            r"\b(?:namesake|eponym)(?: [a-z]+){0,3},? (<PERSON>)",
        ),
    ),
    Relation(
        "mouth of the watercourse",
        r"\b(?:mouth|flows? (?:in)?to|empties|tributary|drains? into|watercourse)\b",
        Kind.PLACE,
        (
            r"\b(?:tributary of|flows? (?:[a-z]+ ){0,3}?(?:in)?to|empties (?:[a-z]+ ){0,2}?(?:in)?to|drains (?:in)?to|joins|joining|mouth (?:at|in|on|is)|confluence with|joined by|discharges into) (?:the )?(<NAME>)",
        ),
    ),
    Relation(
        "shares border with",
        r"\b(?:borders?|bordered|adjacent|adjoins?|neighbou?rs?|boundar(?:y|ies))\b",
        Kind.PLACE,
        (
            r"\b(?:borders?|bordered|bordering|adjacent to|adjoins?|bounded)\b(?: [a-z]+){0,4}? (?:by |on |with |to |of )?(?:the )?(<PLACE>)",
            r"\b(?:north|south|east|west)(?:[a-z]+)? (?:of|by|is|with|to) (?:the )?(<NAME>)",
            r"\b(?:southeastern|southwestern|northeastern|northwestern|northern|southern|western|eastern) (<NAME>)",
            r"\b(<NAME> County)\b",
        ),
    ),
    Relation(
        "headquarters location",
        r"\b(?:headquarters?|headquartered|based)\b",
        Kind.PLACE,
        (
            r"\b(?:headquartered|headquarters|based|head office|offices)\b(?: [a-z]+){0,4}? (?:in|at|from) (?:the )?(?:(?:city|town|village|borough) of )?(<PLACE>)",
            r"\b(<PLACE>)-based\b",
            r"\bfrom (<PLACE>)",
            r"\b(?:in|at) (?:the )?(<PLACE>)",
        ),
    ),
    Relation(
        "located in the administrative territorial entity",
        r"\badministrative territorial\b",
        Kind.PLACE,
        (
            r"\b(?:in|of) (?:the )?(<NAME> (?:County|Parish|Province|Voivodeship|Prefecture|Oblast|Governorate))\b",
            r"\b(?:located|situated|lies|is|was)\b.{0,50}? (?:in|of) (?:the )?(?:[a-z]+ ){0,3}?(<PLACE>)",
            r"\b(?:in|at) (?:the )?(<PLACE>)",
            r"(<PLACE>)",
        ),
    ),
    Relation(
        "location",
        r"\b(?:located|location|administrative territorial|where (?:is|was|are|were)|county|state|city|district|province|region|territory|town|situated|take place|held|found|serves?|headquarters)\b",
        Kind.PLACE,
        (
            r"\b(?:located|situated|based|headquartered|lies|found|stands|held|takes place|took place)\b(?: [a-z\-]+){0,6}? (?:in|at|of|on) (?:the )?(?:(?:[a-z]+ )?(?:city|town|village|state|county|province|district|region|part|section|municipality|borough|heart|center|area) of )?(?:the )?(<PLACE>)",
            r"\b(?:[Vv]illage|[Tt]own|[Cc]ity|[Mm]unicipality|[Cc]ommune|[Cc]ommunity|[Dd]istrict|[Rr]iver|[Ll]ake|[Ss]tation|[Ss]chool|[Tt]ownship|[Ss]uburb|[Cc]ounty|[Pp]arish|[Ii]sland|[Pp]ark|[Mm]ountain|[Nn]eighbou?rhood|[Pp]lace|area|building|museum|library|stadium|prison|church|university|college|region)\b.{0,50}? (?:in|of|at|near|on|serving) (?:the )?(?:(?:[a-z]+ )?(?:city|town|village|state|county|province|district|region|part|section|municipality|borough) of )?(?:the )?(<PLACE>)",
            r"\b(?:licensed to(?: serve)?|serving|serves) (?:the )?(?:[a-z]+ (?:of )?){0,3}?(<PLACE>)",
            r"\b(?:in|at) (?:the )?(<PLACE>)",
        ),
    ),
    Relation(
        "population",
        r"\b(?:populat(?:ion|ed)|inhabitants|how many (?:people|students|residents|members))\b",
        Kind.NUMBER,
        (
            r"\b[Pp]opulation\b.{0,70}? (?:was|is|of|at|to|reached|were|estimated at|about|approximately|over|nearly) ((?:about |over |nearly |approximately )?<NUMBER>)",
            r"\b((?:nearly |about |over |approximately )?<NUMBER>) (?:[a-z]+ ){0,2}?(?:people|inhabitants|residents|students|members)\b",
        ),
    ),
    Relation(
        "member of sports team",
        r"\b(?:sports team|played for|plays? for|team|club|league)\b",
        Kind.ORGANISATION,
        (
            r"\b(?:plays?|played|playing|coach(?:es|ed)?|signed)\b(?: [a-z\-]+){0,5}? (?:for|with|by) (?:the )?(?:(?:<NAT>|[a-z\-]+) ){0,5}?(<ORG>)",
            r"\b(?:club|team|side|league)s?,? (?:[a-z]+ )?(<ORG>)",
            r"\b(?:drafted|selected|acquired)\b.{0,30}? by (?:the )?(<ORG>)",
        ),
    ),
    Relation(
        "political party",
        r"\b(?:political party|party)\b",
        Kind.ORGANISATION,
        (
            r"\b(?:member of|candidate (?:of|for)|for|joined|leader of|representing|from|by) (?:the )?(?:<NAT> )?((?:<NAME> )?(?:<NAME> Party|Party of <NAME>|Republicans?|Democrats?|Liberals?|Conservatives?|Labour(?: Party)?))\b",
            r"\b(<NAME> Party(?: of <NAME>)?|Republicans?|Democrats?|Labour|Conservatives?)\b",
        ),
    ),
    Relation(
        "owner",
        r"\b(?:part of|belongs? to|belonged|members? of|parent company|parent|owne[rd]s?|owns|subsidiary|branch of|division|operat(?:or|ed|es)|publish(?:er|ed)|manufactur(?:er|ed|es)|distribut(?:or|ed)|makes?|made|network|broadcast|platform|develop(?:er|ed))\b",
        Kind.ORGANISATION,
        (
            r"\b(?:[Oo]wned(?: and [a-z]+)?|operated|published|manufactured|distributed|produced|made|developed|built|managed|run|acquired|purchased|bought|maintained) by (?:the )?(?:(?:<NAT>|[a-z\-]+) ){0,5}?(<ORG>)",
            r"\b(?:part|member|subsidiary|division|branch|unit|affiliate|property|brand|imprint|property|arm) (?:of|to) (?:the )?(<ORG>)",
            r"\b(?:belongs? to|belonging to|parent(?: company)?,?(?: is| was)?|owner,?(?: is| was)?|publisher,?(?: is| was)?) (?:the )?(<ORG>)",
            r"\b(?:aired|airs|broadcast|televised|shown|premiered|released)\b.{0,20}? (?:on|for|by) (?:the )?(<ORG>)",
            r"(<ORG>),? (?:which |who )?(?:owns|owned|acquired|bought|published|publishes|operates|manufactures|purchased)\b",
        ),
    ),
    Relation(
        "cast member",
        r"\b(?:cast member|starring|starred|stars?|actor|actress|played|plays?|portray(?:ed|s)|voiced?s?|role of)\b",
        Kind.PERSON,
        (
            r"\b(?:played|portrayed|voiced) by (?:the )?(?:(?:<NAT>|[a-z\-]+) ){0,4}?(<PERSON>)",
            r"\b(?:starring|stars|starred|featuring|features|cast includes|led by|cast of) (?:[a-z]+ ){0,4}?(<PERSON>)",
            r"(<PERSON>),? (?:who )?(?:as|plays|played|portrays|portrayed|voices|voiced|stars|starred)\b",
            r"\b(?:actor|actress) (<PERSON>)",
        ),
    ),
    Relation(
        "stands for",
        r"\b(?:stands? for|abbreviation|acronym|full name)\b",
        Kind.OTHER,
        (
            r"\b(?:stands? for|abbreviation of|acronym for|short for|abbreviated from) (?:the )?\"?(<ORG>)",
            r"(<ORG>) \(",
        ),
    ),
)
"""Every relation that the reader knows, more specific ones before those whose cues are common words."""


@lru_cache(maxsize=1)
def _cues() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(relation.cue) for relation in RELATIONS)


def relations_asked(question: Question) -> list[Relation]:
    """The relations that a question may be asking for, likeliest first."""
    return [
        relation
        for relation, cue in zip(RELATIONS, _cues(), strict=True)
        if compatible(question.kind, relation.kind) and cue.search(question.frame)
    ]
