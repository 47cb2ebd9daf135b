"""Word lists for the patterns of the reader: countries, nationalities, states, occupations, stop words."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_DEMONYMS = """
Afghanistan: Afghan, Afghani; Albania: Albanian; Algeria: Algerian; Argentina: Argentine, Argentinian,
Argentinean; Armenia: Armenian; Australia: Australian; Austria: Austrian; Azerbaijan: Azerbaijani;
Bahrain: Bahraini; Bangladesh: Bangladeshi; Belarus: Belarusian; Belgium: Belgian; Bolivia: Bolivian;
Bosnia and Herzegovina: Bosnian; Botswana: ; Brazil: Brazilian; Bulgaria: Bulgarian; Burma: Burmese;
Cambodia: Cambodian; Cameroon: Cameroonian; Canada: Canadian; Chile: Chilean; China: Chinese; Colombia:
Colombian; Congo: Congolese; Costa Rica: Costa Rican; Croatia: Croatian; Cuba: Cuban; Cyprus: Cypriot;
Czech Republic: Czech; Czechoslovakia: Czechoslovak; Denmark: Danish; Dominican Republic: Dominican;
Ecuador: Ecuadorian; Egypt: Egyptian; El Salvador: Salvadoran; England: English; Estonia: Estonian;
Ethiopia: Ethiopian; Fiji: Fijian; Finland: Finnish; Flanders: Flemish; France: French; Georgia:
Georgian; Germany: German; Ghana: Ghanaian; Greece: Greek; Guatemala: Guatemalan; Guinea: Guinean; Haiti:
Haitian; Honduras: Honduran; Hong Kong: ; Hungary: Hungarian; Iceland: Icelandic; India: Indian;
Indonesia: Indonesian; Iran: Iranian, Persian; Iraq: Iraqi; Ireland: Irish; Israel: Israeli; Italy:
Italian; Ivory Coast: Ivorian; Jamaica: Jamaican; Japan: Japanese; Jordan: Jordanian; Kazakhstan: Kazakh,
Kazakhstani; Kenya: Kenyan; Kosovo: Kosovar; Kuwait: Kuwaiti; Kyrgyzstan: Kyrgyz; Laos: Laotian; Latvia:
Latvian; Lebanon: Lebanese; Liberia: Liberian; Libya: Libyan; Lithuania: Lithuanian; Luxembourg:
Luxembourgish; Macedonia: Macedonian; Madagascar: Malagasy; Malawi: Malawian; Malaysia: Malaysian; Mali:
Malian; Malta: Maltese; Mexico: Mexican; Moldova: Moldovan; Mongolia: Mongolian; Montenegro: Montenegrin;
Morocco: Moroccan; Mozambique: Mozambican; Myanmar: ; Namibia: Namibian; Nepal: Nepalese, Nepali;
Netherlands: Dutch; New Zealand: ; Nicaragua: Nicaraguan; Niger: ; Nigeria: Nigerian; North Korea: North
Korean; Norway: Norwegian; Oman: Omani; Pakistan: Pakistani; Palestine: Palestinian; Panama: Panamanian;
Papua New Guinea: ; Paraguay: Paraguayan; Peru: Peruvian; Philippines: Filipino, Philippine; Poland:
Polish; Portugal: Portuguese; Prussia: Prussian; Puerto Rico: Puerto Rican; Qatar: Qatari; Romania:
Romanian; Russia: Russian; Rwanda: Rwandan; Saudi Arabia: Saudi Arabian, Saudi; Scotland: Scottish;
Senegal: Senegalese; Serbia: Serbian; Sierra Leone: ; Singapore: Singaporean; Slovakia: Slovak,
Slovakian; Slovenia: Slovene, Slovenian; Somalia: Somali; South Africa: South African; South Korea: South
Korean, Korean; Soviet Union: Soviet; Spain: Spanish; Sri Lanka: Sri Lankan; Sudan: Sudanese; Sweden:
Swedish; Switzerland: Swiss; Syria: Syrian; Taiwan: Taiwanese; Tanzania: Tanzanian; Thailand: Thai;
Trinidad and Tobago: Trinidadian; Tunisia: Tunisian; Turkey: Turkish; Uganda: Ugandan; Ukraine:
Ukrainian; United Arab Emirates: Emirati; United Kingdom: British; United States: American; Uruguay:
Uruguayan; Uzbekistan: Uzbek; Venezuela: Venezuelan; Vietnam: Vietnamese; Wales: Welsh; Yemen: Yemeni;
Yugoslavia: Yugoslav; Zambia: Zambian; Zimbabwe: Zimbabwean; Ottoman Empire: Ottoman; Byzantine Empire:
Byzantine
"""

_OTHER_NAMES = {
    "usa": "United States",
    "us": "United States",
    "u.s.": "United States",
    "u.s.a.": "United States",
    "united states of america": "United States",
    "america": "United States",
    "uk": "United Kingdom",
    "u.k.": "United Kingdom",
    "great britain": "United Kingdom",
    "britain": "United Kingdom",
    "the netherlands": "Netherlands",
    "holland": "Netherlands",
    "republic of ireland": "Ireland",
    "people's republic of china": "China",
    "west germany": "Germany",
    "west german": "Germany",
    "russian empire": "Russia",
    "british india": "India",
    "new zealander": "New Zealand",
    "east german": "Germany",
    "east germany": "Germany",
}


def _list(text: str, separator: str | None = None) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in text.split(separator))


def _read_demonyms() -> dict[str, tuple[str, ...]]:
    table = {}
    for entry in " ".join(_DEMONYMS.split()).split(";"):
        country, _, words = entry.partition(":")
        table[country.strip()] = tuple(w.strip() for w in words.split(",") if w.strip())
    return table


DEMONYMS: Final = _read_demonyms()
"""The nationality adjectives of each country."""

COUNTRY_OF: Final[dict[str, str]] = {
    **{word.lower(): country for country, words in DEMONYMS.items() for word in words},
    **{country.lower(): country for country in DEMONYMS},
    **_OTHER_NAMES,
}
"""The name of the country for each nationality or country in lower case, so that "Swedish" and "Sweden" are equal."""

NATIONALITIES: Final = tuple(
    sorted(
        {w for words in DEMONYMS.values() for w in words} | {"New Zealand", "Hong Kong"},
        key=len,
        reverse=True,
    )
)
COUNTRIES: Final = tuple(
    sorted(
        {*DEMONYMS, "United States of America", "USA", "U.S.", "US", "UK", "Great Britain", "Dutch Republic"},
        key=len,
        reverse=True,
    )
)

US_STATES: Final = _list(
    """Alabama,Alaska,Arizona,Arkansas,California,Colorado,Connecticut,Delaware,Florida,Georgia,Hawaii,Idaho,
    Illinois,Indiana,Iowa,Kansas,Kentucky,Louisiana,Maine,Maryland,Massachusetts,Michigan,Minnesota,
    Mississippi,Missouri,Montana,Nebraska,Nevada,New Hampshire,New Jersey,New Mexico,New York,North Carolina,
    North Dakota,Ohio,Oklahoma,Oregon,Pennsylvania,Rhode Island,South Carolina,South Dakota,Tennessee,Texas,
    Utah,Vermont,Virginia,Washington,West Virginia,Wisconsin,Wyoming""",
    ",",
)

OCCUPATIONS: Final = tuple(
    sorted(
        _list(
            """academic activist actor actress agronomist animator anthropologist archaeologist
            archbishop architect artist astronaut astronomer athlete attorney author bandleader banker
            baritone bassist bassoonist biathlete biochemist biologist bishop bobsledder botanist
            boxer broadcaster businessman businessperson businesswoman canoeist cardinal cartoonist
            cellist chef chemist choreographer cinematographer clarinetist classicist clergyman coach
            comedian commander commentator composer conductor costume-designer cricketer critic
            curator cyclist dancer designer diplomat director dramatist driver drummer economist
            editor educator engineer engraver entomologist entrepreneur essayist explorer fencer
            filmmaker footballer geneticist geographer geologist goalkeeper goldsmith golfer guitarist
            gymnast harpsichordist historian horticulturist illustrator impresario industrialist
            inventor jockey journalist judge judoka jurist lawyer lexicographer librarian librettist
            linguist lithographer lyricist magician manager mathematician mezzo-soprano microbiologist
            military miniaturist missionary model monk mountaineer musician musicologist naturalist
            naval-officer neurologist neuroscientist novelist nun nurse officer organist orientalist
            ornithologist painter paleontologist pathologist patron pediatrician percussionist
            pharmacist philanthropist philologist philosopher photographer physician physicist
            physiologist pianist pilot pirate player playwright poet politician preacher presenter
            priest printmaker producer professor programmer prosecutor psychiatrist psychoanalyst
            psychologist publicist publisher rabbi racer rapper referee rower runner sailor
            saxophonist scholar scientist screenwriter scriptwriter sculptor sheriff singer
            singer-songwriter sinologist skater skier sociologist soldier songwriter soprano
            speed-skater sportsperson sprinter statesman statistician surgeon surveyor swimmer teacher
            tenor theologian theorist translator trombonist trumpeter tutor violinist violist
            virologist volleyball-player weightlifter wrestler writer zoologist"""
        ),
        key=len,
        reverse=True,
    )
)

STOP_WORDS: Final = frozenset(
    _list(
        """a an and are as at be been but by for if in into is it its no not of on or such that the their
        then there these they this to was were will with who whom whose what which when where why how
        did does do from has have had he she his her him you your many much name named person people s
        i we our us me my so than also can could would should one"""
    )
)


def words(text: str) -> list[str]:
    """The lower-case words of a text, without stop words."""
    return [word for word in re.findall(r"\w+", text.lower()) if word not in STOP_WORDS]


_ENDINGS = re.compile(r"(?:ies|ions|ion|ings|ing|ers|ors|ed|es|s|er|or|e|y)$")


_LONGEST_KEPT = 30


def stem(word: str) -> str:
    """A rough stem, which is the same for words such as "directed", "director" and "directs"."""
    # Only words of ordinary length are cached, so that the cache is bounded.
    return _known_stem(word) if len(word) <= _LONGEST_KEPT else _ENDINGS.sub("", word)


@lru_cache(maxsize=16_384)
def _known_stem(word: str) -> str:
    return _ENDINGS.sub("", word) if len(word) > 4 else word


def stems(text: str) -> list[str]:
    """The stems of the words of a text, in order, without stop words."""
    return [stem(word) for word in words(text)]


def country_of(text: str) -> str | None:
    """The name of the country for a nationality or a country; None if the text is neither."""
    return COUNTRY_OF.get(text.lower().removeprefix("the ").strip(" .,'\""))
