"""The embedded reader: it answers questions by extraction, in place of a language model.

It only matches patterns and understands nothing, but with it plans, tests and demonstrations run without a model and a
network. `docs/reader.md` describes what it can and cannot do.
"""

from __future__ import annotations

from collections.abc import Sequence

from .compose import UNKNOWN, Reading, compose
from .extract import read
from .questions import split_prompt

__all__ = ["UNKNOWN", "EmbeddedReader", "Reading", "compose", "read"]


class EmbeddedReader:
    """The tool `answer` without a model. It calls `read` if there are documents, and `compose` if there are none."""

    __slots__ = ()

    def answer(self, query: str, docs: Sequence[str] | None = None) -> str:
        """Answer a question.

        If the query states facts and there are documents, the facts are used only if the documents have no answer.

        Args:
            query: a question, or facts and a question about them.
            docs: documents `Title\\nText`, best first; None or empty to answer from the facts of the query.

        Returns:
            A span of the documents or of the query, `"yes"`, `"no"`, or `"unknown"`.
        """
        if not docs:
            return compose(query).answer
        stated = split_prompt(query)
        if not (stated.labelled and stated.question):
            return read(query, docs).answer
        found = read(stated.question, docs)
        return (found if found.answer != UNKNOWN else compose(query)).answer
