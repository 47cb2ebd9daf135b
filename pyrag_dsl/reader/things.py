"""Relations of things and people to the world at large: founders, dates, countries, callings."""

# A pattern broken over lines cannot be read.
# ruff: noqa: E501

from __future__ import annotations

from typing import Final

from .questions import Kind
from .relation import Relation

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
