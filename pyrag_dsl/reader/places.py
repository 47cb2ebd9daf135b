"""Relations of place and belonging: capitals, borders, seats, owners, teams, casts."""

# A pattern broken over lines cannot be read.
# ruff: noqa: E501

from __future__ import annotations

from typing import Final

from .questions import Kind
from .relation import Relation

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
