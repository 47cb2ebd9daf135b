"""What a row of the table of relations holds."""

from __future__ import annotations

from dataclasses import dataclass

from .questions import Kind


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation between the thing asked about and the answer.

    Slots such as ``<DATE>`` in the patterns are filled in by `names.compiled`. No pattern may hold an
    unbounded repetition: documents are not to be trusted.

    Attributes:
        name: the relation's name, as knowledge bases call it.
        cue: regular expression over a question's frame.
        kind: the kind of its answers.
        patterns: regular expressions over a sentence, best first; group 1 is the answer.
        opening: patterns for a document's first sentence, tried before the others: there encyclopaedias put
            the dates and places of a life.
        strict: whether silence means `unknown`. A name that merely stands nearby is no spouse.
    """

    name: str
    cue: str
    kind: Kind
    patterns: tuple[str, ...]
    opening: tuple[str, ...] = ()
    strict: bool = False
