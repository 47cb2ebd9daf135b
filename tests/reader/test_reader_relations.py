"""What the embedded reader finds in passages, relation by relation, and what it leaves unknown."""

# Facts and passages are kept whole.
# ruff: noqa: E501

from __future__ import annotations

import pytest

from pyrag_dsl.reader import UNKNOWN, EmbeddedReader, read

ADA = (
    '"Ada Marlowe"\nAda Marlowe (born 3 May 1921 in Trieste, Italy – 9 August 1988) was an Italian painter and '
    "sculptor. She was the daughter of Bruno Marlowe and his wife Clara Venier. She married the "
    "architect Otto Lindqvist in 1950. Marlowe studied at the University of Padua. She died in Lisbon, Portugal."
)
FILM = (
    "The Glass Harbour\nThe Glass Harbour is a 1954 French drama film directed by Lucien Morel and starring Irène "
    "Faure. The music was composed by Paul Desrosiers. It was produced by Henri Vasseur. It was released on "
    "12 March 1954."
)
COMPANY = (
    "Norvik Instruments\nNorvik Instruments is a Norwegian company founded in 1911 by Leif Sandberg. It is "
    "headquartered in Bergen, Norway. It is owned by Hansa Group."
)
NOVEL = (
    "The Salt Road\nThe Salt Road is a novel written by the Scottish novelist Ewan Drummond. It was published in 1933."
)
SONG = 'Paper Lanterns\n"Paper Lanterns" is a song recorded by American singer June Holloway. It was released through Bluebird Records.'
TOWN = (
    "Dunmere\nDunmere is a village in Ashford County, Ohio, United States. The population was 1,204 at the 2010 census."
)
KINGDOM = "Ostria\nOstria is a country in Europe. The capital of Ostria is Velden."
RIVER = "Lenna\nThe Lenna is a small river, a tributary of the Dravec. It is named after the saint Lenna Maris."


@pytest.mark.parametrize(
    ("question", "document", "answer"),
    [
        ("When was Ada Marlowe born?", ADA, "3 May 1921"),
        ("What is the date of birth of Ada Marlowe?", ADA, "3 May 1921"),
        ("In what year was Ada Marlowe born?", ADA, "1921"),
        ("Where was Ada Marlowe born?", ADA, "Trieste"),
        ("In what city was Ada Marlowe born?", ADA, "Trieste"),
        ("When did Ada Marlowe die?", ADA, "9 August 1988"),
        ("Where did Ada Marlowe die?", ADA, "Lisbon"),
        ("What is Ada Marlowe's occupation?", ADA, "painter"),
        ("What is the nationality of Ada Marlowe?", ADA, "Italian"),
        ("Who is the father of Ada Marlowe?", ADA, "Bruno Marlowe"),
        ("Who is the mother of Ada Marlowe?", ADA, "Clara Venier"),
        ("Who is the husband of Ada Marlowe?", ADA, "Otto Lindqvist"),
        ("Where did Ada Marlowe study?", ADA, "University of Padua"),
        ("Who directed The Glass Harbour?", FILM, "Lucien Morel"),
        ("Who is the director of the film The Glass Harbour?", FILM, "Lucien Morel"),
        ("Who composed the music of The Glass Harbour?", FILM, "Paul Desrosiers"),
        ("Who is the producer of The Glass Harbour?", FILM, "Henri Vasseur"),
        ("What is the country of origin of The Glass Harbour?", FILM, "French"),
        ("Who founded Norvik Instruments?", COMPANY, "Leif Sandberg"),
        ("When was Norvik Instruments founded?", COMPANY, "1911"),
        ("Where is the headquarters of Norvik Instruments?", COMPANY, "Bergen"),
        ("Who owns Norvik Instruments?", COMPANY, "Hansa Group"),
        ("Who wrote The Salt Road?", NOVEL, "Ewan Drummond"),
        ("When was The Salt Road published?", NOVEL, "1933"),
        ("Who is the performer of Paper Lanterns?", SONG, "June Holloway"),
        ("What is the record label of Paper Lanterns?", SONG, "Bluebird Records"),
        ("In which county is Dunmere located?", TOWN, "Ashford County"),
        ("In which country is Dunmere?", TOWN, "United States"),
        ("What is the population of Dunmere?", TOWN, "1,204"),
        ("What is the capital of Ostria?", KINGDOM, "Velden"),
        ("What is the Lenna a tributary of?", RIVER, "Dravec"),
        ("What is the Lenna named after?", RIVER, "Lenna Maris"),
    ],
)
def test_a_relation_is_read_from_a_passage(question: str, document: str, answer: str) -> None:
    assert read(question, [document]).answer == answer


def test_the_passage_about_the_subject_is_preferred() -> None:
    other = "Ada Marsh\nAda Marsh (born 1 January 1900 in Leeds) was an English singer."
    assert read("When was Ada Marlowe born?", [other, ADA, FILM]).answer == "3 May 1921"


def test_names_in_the_question_are_no_cues() -> None:
    document = "The Director\nThe Director is a novel written by Nora Quill. It tells of the director Max Stone."
    assert read('Who wrote "The Director"?', [document]).answer == "Nora Quill"


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ("Rolf Brandt (12 June 1870, Graz – 3 July 1941, Linz) was an Austrian botanist.", "12 June 1870"),
        ("Rolf Brandt, born on June 12, 1870, was an Austrian botanist.", "June 12, 1870"),
        ("Rolf Brandt was born in Graz in 1870.", "1870"),
        ("Rolf Brandt (c. 1870 – 1941) was an Austrian botanist.", "1870"),
    ],
)
def test_births_are_written_in_many_ways(document: str, answer: str) -> None:
    assert read("When was Rolf Brandt born?", [f"Rolf Brandt\n{document}"]).answer == answer


@pytest.mark.parametrize(
    ("sentence", "answer"),
    [
        ("Sunrise at Velden is an oil painting by Dutch early Baroque painter Joost Hals.", "Joost Hals"),
        ("Sunrise at Velden was created by Joost Hals, a Dutch painter.", "Joost Hals"),
        ("Sunrise at Velden, painted by the Dutch master J. P. Hals, hangs in Ostria.", "J. P. Hals"),
    ],
)
def test_a_name_is_told_from_the_description_before_it(sentence: str, answer: str) -> None:
    assert read("Who is the creator of Sunrise at Velden?", [f"Sunrise at Velden\n{sentence}"]).answer == answer


def test_one_person_is_named_where_one_is_asked_for() -> None:
    document = "Low Tide\nLow Tide is a 1931 film directed by Ivo Hart and Mia Stahl."
    assert read("Who is the director of Low Tide?", [document]).answer == "Ivo Hart"
    assert read("Who directed Low Tide?", [document]).answer == "Ivo Hart and Mia Stahl"


def test_what_a_sentence_describes_can_be_the_answer() -> None:
    document = "Gull Bridge\nGull Bridge is the oldest stone bridge of Velden, Ostria."
    assert read("What is the name of the oldest stone bridge of Velden?", [document]).answer == "Gull Bridge"


@pytest.mark.parametrize(
    ("sentence", "father", "mother"),
    [
        (
            "He was the son of Hugo, Duke of Ostria and Bella de Vane.",
            "Hugo, Duke of Ostria",
            "Bella de Vane",
        ),
        (
            "He was a son of Hugo Vane, 3rd Earl of Dunmere, and his wife Bella.",
            "Hugo Vane, 3rd Earl of Dunmere",
            "Bella",
        ),
        ("His father was Hugo Vane. His mother was Bella Stern.", "Hugo Vane", "Bella Stern"),
    ],
)
def test_parents_are_told_apart(sentence: str, father: str, mother: str) -> None:
    document = f"Emil Vane\nEmil Vane (1801–1866) was an Ostrian nobleman. {sentence}"
    assert read("Who is the father of Emil Vane?", [document]).answer == father
    assert read("Who is the mother of Emil Vane?", [document]).answer == mother


def test_evidence_is_the_sentence_and_confidence_is_positive() -> None:
    reading = read("Who directed The Glass Harbour?", [FILM])
    assert "directed by Lucien Morel" in reading.evidence
    assert 0 < reading.confidence <= 1


@pytest.mark.parametrize(
    ("question", "documents"),
    [
        ("When was Ada Marlowe born?", []),
        ("When was Ada Marlowe born?", ["Copper\nCopper is a chemical element with the symbol Cu."]),
        ("Who is the spouse of Rolf Brandt?", ["Rolf Brandt\nRolf Brandt was an Austrian botanist."]),
        ("Who is the spouse of Rolf Brandt?", [ADA]),
        ("When was unknown born?", [ADA]),
        ("", [ADA]),
        ("???", [ADA]),
        ("Which film whose director is younger, The Glass Harbour or The Salt Road?", [FILM, NOVEL]),
    ],
)
def test_what_the_text_does_not_say_is_unknown(question: str, documents: list[str]) -> None:
    reading = read(question, documents)
    assert (reading.answer, reading.confidence, reading.evidence) == (UNKNOWN, 0.0, "")


def test_two_documents_are_compared_directly() -> None:
    assert read("Which was released first, The Glass Harbour or The Salt Road?", [FILM, NOVEL]).answer == UNKNOWN
    later = "Late Snow\nLate Snow is a 1990 drama film."
    assert (
        read("Which film came out first, Late Snow or The Glass Harbour?", [later, FILM]).answer == "The Glass Harbour"
    )


def test_yes_and_no_need_every_word_of_the_question() -> None:
    document = "Dunmere\nDunmere has a railway station. Dunmere does not have a harbour."
    assert read("Does Dunmere have a railway station?", [document]).answer == "yes"
    assert read("Does Dunmere have a harbour?", [document]).answer == "no"
    assert read("Does Dunmere have a cathedral?", [document]).answer == UNKNOWN


def test_the_reader_answers_as_a_tool() -> None:
    reader = EmbeddedReader()
    assert reader.answer("Who directed The Glass Harbour?", [FILM]) == "Lucien Morel"
    assert reader.answer("Given: The director of X is Ann Bell. Answer the question: Who directed X?") == "Ann Bell"
    assert reader.answer("Who directed The Glass Harbour?") == UNKNOWN
    assert reader.answer("Who directed The Glass Harbour?", []) == UNKNOWN


def test_facts_in_the_query_count_where_the_documents_do_not_say() -> None:
    reader = EmbeddedReader()
    query = "Known facts: The heir of Norvik is Ann Bell. Question: Who is the {} of Norvik?"
    assert reader.answer(query.format("founder"), [COMPANY.replace("Norvik Instruments", "Norvik")]) == "Leif Sandberg"
    assert reader.answer(query.format("heir"), [TOWN]) == "Ann Bell"
