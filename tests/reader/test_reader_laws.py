"""What holds of the embedded reader for any text at all."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from pyrag_dsl.reader import UNKNOWN, EmbeddedReader, Reading, compose, read

PIECES = st.sampled_from(
    [
        "Ann Bell",
        "Carl Dee",
        "Low Tide (1931 film)",
        "was born",
        "died",
        "in Velden, Ostria",
        "on 4 May 1931",
        "1960",
        "(",
        ")",
        " – ",
        "who",
        "when",
        "Which film came out first,",
        "or",
        "and",
        "both",
        "Are",
        "same nationality",
        "older",
        "than",
        "Swedish",
        "directed by",
        "is a painter",
        ".",
        "?",
        "\n",
        '"',
        "Given:",
        "Answer the question:",
        ";",
        "unknown",
        "2.1 million",
        "São Tomé",
        "\u0130stanbul",
        "Straße",
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=25).map(" ".join))


def squeezed(text: str) -> str:
    return "".join(re.findall(r"\w", text))


def check(reading: Reading, *sources: str) -> None:
    assert isinstance(reading.answer, str)
    assert 0 <= reading.confidence <= 1
    assert (reading.answer == UNKNOWN) == (reading.confidence == 0)
    if reading.answer not in (UNKNOWN, "yes", "no"):
        assert squeezed(reading.answer)
        assert any(squeezed(reading.answer) in squeezed(source) for source in sources)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.lists(TEXTS, max_size=4))
def test_reading_is_made_of_the_text_and_never_raises(question: str, docs: list[str]) -> None:
    # A comparison is answered with one of the question's own alternatives.
    check(read(question, docs), *docs, question)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_composing_is_made_of_the_prompt_and_never_raises(prompt: str) -> None:
    check(compose(prompt), prompt)


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.lists(TEXTS, max_size=3))
def test_the_same_text_reads_the_same(question: str, docs: list[str]) -> None:
    reader = EmbeddedReader()
    assert reader.answer(question, docs) == reader.answer(question, list(docs))


@settings(max_examples=100, deadline=None)
@given(st.integers(1000, 2020), st.integers(1000, 2020))
def test_comparing_two_years_agrees_with_arithmetic(first: int, second: int) -> None:
    prompt = f"Given: Ann Bell was born in {first}. Carl Dee was born in {second}. Answer the question: "
    older = compose(prompt + "Who is older, Ann Bell or Carl Dee?").answer
    younger = compose(prompt + "Who is younger, Ann Bell or Carl Dee?").answer
    if first == second:
        assert older == younger == UNKNOWN
    else:
        assert {older, younger} == {"Ann Bell", "Carl Dee"}
        assert older == ("Ann Bell" if first < second else "Carl Dee")


def test_a_fact_that_is_the_word_unknown_is_no_answer() -> None:
    assert compose("unknown:0E00#ANSWER THE QUESTION:0E00") == Reading(UNKNOWN, 0.0, "")
