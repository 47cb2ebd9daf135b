"""What the vetter may have against a text of level wide."""

from __future__ import annotations

import pyrag_dsl as pd
from pyrag_dsl.decoding import NAMES_AND_KINDS

SIZES = {"PLAN102", "PLAN104"}
LONG = 4_000  # characters: a text of this size may be larger than plans may be


def check_refusals(text: str) -> set[str]:
    """The codes for which the vetter refuses the text, which are of names and kinds."""
    try:
        pd.parse(text, inputs=["question"])
    except pd.PlanRejected as refused:
        found = {each.code for each in refused.diagnostics if each.severity == "error"}
        assert found <= NAMES_AND_KINDS | (SIZES if len(text) > LONG else set()), (found, text)
        return found
    return set()
