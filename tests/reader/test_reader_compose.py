"""Answers composed from facts that the prompt states."""

# Facts and passages are kept whole.
# ruff: noqa: E501

from __future__ import annotations

import pytest

from pyrag_dsl.reader import UNKNOWN, compose
from pyrag_dsl.reader.patterns import Date, order, parse_date
from pyrag_dsl.reader.questions import split_prompt


def given(facts: str, question: str) -> str:
    return f"Given: {facts} Answer the question: {question}"


HOYER = "Jed Hoyer was born December 7, 1973. John William Henry II was born September 13, 1949."
FILMS = (
    "The director of Red Dune is Ivo Hart. The director of Blue, Then Grey is Mia Stahl. The date of birth of Ivo Hart is "
    "4 May 1931. The date of birth of Mia Stahl is 1 June 1960."
)


@pytest.mark.parametrize(
    ("facts", "question", "answer"),
    [
        (HOYER, "Who is older, Jed Hoyer or John William Henry II?", "John William Henry II"),
        (HOYER, "Who is younger, Jed Hoyer or John William Henry II?", "Jed Hoyer"),
        (HOYER, "Who was born first, Jed Hoyer or John William Henry II?", "John William Henry II"),
        (HOYER, "Was Jed Hoyer or John William Henry II born later?", "Jed Hoyer"),
        (HOYER, "Who was born first out of Jed Hoyer and John William Henry II?", "John William Henry II"),
        (FILMS, "Which film has the director born first, Red Dune or Blue, Then Grey?", "Red Dune"),
        (FILMS, "Which film whose director is younger, Red Dune or Blue, Then Grey?", "Blue, Then Grey"),
        (
            "Red Dune was directed by Ivo Hart, who died on 3 May 1999. Low Tide was directed by Mia Stahl, who died in 1987.",
            "Which film has the director who died earlier, Red Dune or Low Tide?",
            "Low Tide",
        ),
        (
            "Red Dune was released in 1958. Low Tide (1931 film) was released on 2 May 1931.",
            "Which film came out first, Red Dune or Low Tide (1931 Film)?",
            "Low Tide (1931 Film)",
        ),
        ("Ann Bell: 1900-1990. Carl Dee: 1920-1950.", "Who lived longer, Ann Bell or Carl Dee?", "Ann Bell"),
        (
            "The date of birth of Ann Bell is 1900. The date of death of Ann Bell is 1950. The date of birth of Carl Dee "
            "is 1920. The date of death of Carl Dee is 1999.",
            "Who lived longer, Ann Bell or Carl Dee?",
            "Carl Dee",
        ),
        (
            "Ann Bell is 45 years old. Carl Dee is 31 years old.",
            "Who is older, Ann Bell or Carl Dee?",
            "Ann Bell",
        ),
        (
            "The Lenna is 210 km long. The Dravec is 1,040 km long.",
            "Which river is longer, the Lenna or the Dravec?",
            "the Dravec",
        ),
        (
            "Velden has 2.1 million inhabitants. Dunmere has 900,000.",
            "Which has more people, Velden or Dunmere?",
            "Velden",
        ),
        (
            "Velden has two bridges. Dunmere has twelve.",
            "Which city has fewer bridges, Velden or Dunmere?",
            "Velden",
        ),
    ],
)
def test_two_things_are_compared(facts: str, question: str, answer: str) -> None:
    assert compose(given(facts, question)).answer == answer


@pytest.mark.parametrize(
    ("facts", "question", "answer"),
    [
        (
            "Ann Bell is American. Carl Dee is from the United States.",
            "Are Ann Bell and Carl Dee from the same country?",
            "yes",
        ),
        (
            "Ann Bell is Swedish. Carl Dee is Danish.",
            "Do Ann Bell and Carl Dee have the same nationality?",
            "no",
        ),
        (
            "The director of Red Dune is Ivo Hart. The director of Low Tide is Mia Stahl. The country of citizenship of Ivo "
            "Hart is Germany. The country of citizenship of Mia Stahl is German.",
            "Do both directors of films Red Dune and Low Tide have the same nationality?",
            "yes",
        ),
        (
            "Ann Bell is a painter. Carl Dee is a Danish painter and poet.",
            "Are both Ann Bell and Carl Dee painters?",
            "yes",
        ),
        (
            "Ann Bell is a painter. Carl Dee is a Danish poet.",
            "Are both Ann Bell and Carl Dee painters?",
            "no",
        ),
        (
            "Ann Bell is Swedish. Carl Dee is from Sweden.",
            "Does Ann Bell (painter) have the same nationality as Carl Dee (Poet)?",
            "yes",
        ),
        (
            "Red Dune was released in 1958. Low Tide was released in May 1958.",
            "Were Red Dune and Low Tide released in the same year?",
            "yes",
        ),
        (
            "Red Dune was directed by Ivo Hart. Low Tide was directed by Mia Stahl.",
            "Do Red Dune and Low Tide share the same director?",
            "no",
        ),
        (HOYER, "Is Jed Hoyer older than John William Henry II?", "no"),
        (HOYER, "Was Jed Hoyer born after John William Henry II?", "yes"),
        ("Did Ann Bell paint in Rome: yes.", "Did Ann Bell paint in Rome?", "yes"),
    ],
)
def test_yes_or_no_is_judged(facts: str, question: str, answer: str) -> None:
    assert compose(given(facts, question)).answer == answer


@pytest.mark.parametrize(
    ("facts", "question", "answer"),
    [
        (
            "The performer of Paper Lanterns is June Holloway. June Holloway's birthday is 3 May 1950.",
            "What is the birthday of the performer of Paper Lanterns?",
            "3 May 1950",
        ),
        (
            "The founder of Norvik is Leif Sandberg. Leif Sandberg was born in Bergen, Norway.",
            "Where was the founder of Norvik born?",
            "Bergen, Norway",
        ),
        (
            "The tallest tower of Velden is Sun Spire. Sun Spire was completed in 1912.",
            "In what year was the tallest tower of Velden completed?",
            "1912",
        ),
        (
            "The ferry Aurora was built by Hansa. Whether Hansa is from Bergen: yes.",
            "Which company built the ferry Aurora?",
            "Hansa",
        ),
        (
            "The publisher of The Salt Road is Drummond. Drummond was founded by Ewan Drummond.",
            "Who founded the publisher of The Salt Road?",
            "Ewan Drummond",
        ),
    ],
)
def test_a_stated_fact_is_copied_through(facts: str, question: str, answer: str) -> None:
    assert compose(given(facts, question)).answer == answer


@pytest.mark.parametrize(
    "prompt",
    [
        given(
            "Jed Hoyer was born in 1973. John Henry was born in 1973.",
            "Who is older, Jed Hoyer or John Henry?",
        ),
        given(
            "Jed Hoyer was born in 1973. John Henry was born in May 1973.",
            "Who is older, Jed Hoyer or John Henry?",
        ),
        given(
            "Jed Hoyer was born in 1973. John Henry was born on unknown.",
            "Who is older, Jed Hoyer or John Henry?",
        ),
        given("Ann Bell is Swedish.", "Do Ann Bell and Carl Dee have the same nationality?"),
        given("The father of Lord Bee is unknown.", "Who is the father of Lord Bee?"),
        given("Copper is a metal.", "Who discovered penicillin?"),
        given("", "Who is older, Ann or Bob?"),
        "Who is older, Ann Bell or Carl Dee?",
        "Given: Ann Bell was born in 1900.",
        "",
    ],
)
def test_what_the_facts_do_not_settle_is_unknown(prompt: str) -> None:
    assert compose(prompt).answer == UNKNOWN


@pytest.mark.parametrize(
    "prompt",
    [
        "Given: Ann was born in 1900. Bob was born in 1890. Answer the question: Who is older, Ann or Bob?",
        "Based on the following facts:\n- Ann was born in 1900.\n- Bob was born in 1890.\nQuestion: Who is older, Ann or Bob?",
        "Known facts:\n1. Ann was born in 1900.\n2. Bob was born in 1890.\n\nWho is older, Ann or Bob?",
        "Question: Who is older, Ann or Bob? Facts: Ann was born in 1900; Bob was born in 1890.",
        "Ann was born in 1900. Bob was born in 1890. Who is older, Ann or Bob?",
        "Who is older, Ann or Bob? Ann was born in 1900. Bob was born in 1890.",
        "Given that Ann was born in 1900; Bob was born in 1890, answer this question: Who is older, Ann or Bob? "
        "Reply with the name only.",
        "Using the facts below, answer.\nContext: Ann was born in 1900. Bob was born in 1890.\nOriginal question: Who is older, "
        "Ann or Bob?",
    ],
)
def test_prompts_are_split_however_they_are_written(prompt: str) -> None:
    assert compose(prompt).answer == "Bob"
    assert split_prompt(prompt).question == "Who is older, Ann or Bob?"


def test_a_pronoun_goes_on_about_the_fact_before() -> None:
    facts = "Red Dune was directed by Ivo Hart. He was born in 1931. Low Tide was directed by Mia Stahl. She was born in 1960."
    assert compose(given(facts, "Which film has the older director, Red Dune or Low Tide?")).answer == "Red Dune"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("4 May 1931", Date(1931, 5, 4)),
        ("May 4, 1931", Date(1931, 5, 4)),
        ("Sept. 1931", Date(1931, 9)),
        ("1931-05-04", Date(1931, 5, 4)),
        ("in 44 BC", None),
        ("in 144 BC", Date(-144)),
        ("4 May", None),
        ("", None),
    ],
)
def test_dates_are_parsed_as_far_as_they_go(text: str, date: Date | None) -> None:
    assert parse_date(text) == date


def test_dates_that_do_not_tell_have_no_order() -> None:
    assert order(Date(1950), Date(1950, 3)) == 0
    assert order(Date(1950, 3), Date(1950, 3, 2)) == 0
    assert order(Date(1950, 3), Date(1950, 4)) == -1
    assert order(Date(-44), Date(14)) == -1
