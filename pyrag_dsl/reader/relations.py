"""The table of relations that the reader knows, and which of them a question asks for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from .kin import KIN
from .lives import LIVES
from .places import PLACES
from .questions import Question, compatible
from .relation import Relation
from .things import THINGS
from .works import WORKS

RELATIONS: Final = (*LIVES, *WORKS, *KIN, *THINGS, *PLACES)
"""Every relation, those with telling cues before those whose cues are common words."""


@lru_cache(maxsize=1)
def _cues() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(relation.cue) for relation in RELATIONS)


def relations_asked(question: Question) -> list[Relation]:
    """The relations that a question may be asking for, likeliest first."""
    return [
        relation
        for relation, cue in zip(RELATIONS, _cues(), strict=True)
        if compatible(question.kind, relation.kind) and cue.search(question.frame)
    ]
