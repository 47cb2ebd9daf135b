"""Relations of things and places, the table of all relations, and the relations that a question asks for."""

# Long patterns stay on one line, because they are harder to read when they are split.
# ruff: noqa: E501
from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from .people import KIN, LIVES, WORKS, Relation
from .questions import Kind, Question, compatible

PLACES: Final = (
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


THINGS: Final = (
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
        strict=True,
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
)


RELATIONS: Final = (*LIVES, *WORKS, *KIN, *THINGS, *PLACES)
"""All relations. Those with specific cues come before those whose cues are common words."""


@lru_cache(maxsize=1)
def _cues() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(relation.cue) for relation in RELATIONS)


def relations_asked(question: Question) -> list[Relation]:
    """The relations that a question may ask for, the most likely first."""
    return [
        relation
        for relation, cue in zip(RELATIONS, _cues(), strict=True)
        if compatible(question.kind, relation.kind) and cue.search(question.frame)
    ]
