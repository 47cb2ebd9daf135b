"""The embedded reader: an extractive stand-in for a language model.

It answers by patterns, not by understanding, so that plans, tests and demonstrations run to their end
without a model or a network. `docs/reader.md` says what it can and cannot do.
"""

from __future__ import annotations

from collections.abc import Sequence

from .compose import UNKNOWN, Reading, compose
from .extract import read
from .questions import split_prompt

__all__ = ["UNKNOWN", "EmbeddedReader", "Reading", "compose", "read"]


class EmbeddedReader:
    """The `answer` tool without a model: `read` where there are documents, `compose` where there are none."""

    __slots__ = ()

    def answer(self, query: str, docs: Sequence[str] | None = None) -> str:
        """Answer a question.

        Args:
            query: a question, or, without documents, facts and a question about them.
            docs: documents `Title\\nText`, best first; None or empty to compose from the query alone.

        With both documents and facts, the facts count where the documents do not say.

        Returns:
            A span of the documents or of the query, `"yes"`, `"no"`, or `"unknown"`, whatever the text.
        """
        if not docs:
            return compose(query).answer
        stated = split_prompt(query)
        if not (stated.labelled and stated.question):
            return read(query, docs).answer
        found = read(stated.question, docs)
        return (found if found.answer != UNKNOWN else compose(query)).answer
