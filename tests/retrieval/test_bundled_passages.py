"""The passages that come with the package can answer the questions that its examples ask."""

from __future__ import annotations

import pytest

from pyrag_dsl.retrieval import bundled_passages, bundled_retriever


def test_ids_and_titles_are_unique_and_nothing_is_empty() -> None:
    passages = bundled_passages()
    assert len({p.id for p in passages}) == len({p.title for p in passages}) == len(passages) >= 60
    assert all(p.title and 40 < len(p.text) < 500 for p in passages)


@pytest.mark.parametrize(
    ("question", "title", "evidence"),
    [
        ("When was Jed Hoyer born?", "Jed Hoyer", "December 7, 1973"),
        ("When was John William Henry II born?", "John William Henry II", "September 13, 1949"),
        ("Who directed the film Casablanca?", "Casablanca (film)", "directed by Michael Curtiz"),
        ("When was Michael Curtiz born?", "Michael Curtiz", "December 24, 1886"),
        ("Who wrote the novel Frankenstein?", "Frankenstein", "Mary Shelley"),
        ("Which river does Ulm lie on?", "Ulm", "Danube"),
        ("Who were the members of the Beatles?", "The Beatles", "Ringo Starr"),
        ("Who founded IKEA?", "IKEA", "Ingvar Kamprad"),
        ("How high is K2?", "K2", "8,611"),
        ("When was the Battle of Waterloo fought?", "Battle of Waterloo", "18 June 1815"),
        ("Which university did Theo Epstein attend?", "Theo Epstein", "Yale"),
        ("Where was the composer of The Magic Flute born?", "The Magic Flute", "Mozart"),
    ],
)
def test_examples_find_their_evidence(question: str, title: str, evidence: str) -> None:
    texts = {hit.passage.title: hit.passage.text for hit in bundled_retriever().search(question, 3)}
    assert evidence in texts[title]


def test_both_people_of_a_comparison_are_found_at_once() -> None:
    hits = bundled_retriever().search("Who is older, Jed Hoyer or John William Henry II?", 5)
    assert {"Jed Hoyer", "John William Henry II"} <= {hit.passage.title for hit in hits}
