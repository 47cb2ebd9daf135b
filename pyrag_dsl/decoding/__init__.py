"""Constrained decoding: grammars with which a model can write only plans.

    text = decoding_grammar("llguidance", level="wide")
    fields = request_fields("vllm", text)       # add them to the body of the request

There are three levels, which share a lexicon. *wide* is the whole syntax of the language. *safe* is a part of the
language in which the vetter accepts every text. *names* is a little less than wide, and the vetter accepts every text
if a reader of names masks tokens beside the grammar. `texts.py` has the list of levels, `wide.py`, `safe.py`,
`named.py` and `name_reader.py` define them, `dialects.py` writes them as text, and `servers.py` has the fields of
requests. `SHAPES` has a paragraph about each level for the prompt of the model.
"""

from __future__ import annotations

from .dialects import DIALECTS
from .name_reader import NameReader
from .recogniser import Recogniser
from .servers import SERVERS, constrained_fields, request_fields, server_and_level
from .texts import LEVELS, SHAPES, decoding_grammar, plan_rules
from .wide import NAMES_AND_KINDS

__all__ = [
    "DIALECTS",
    "LEVELS",
    "NAMES_AND_KINDS",
    "SERVERS",
    "SHAPES",
    "NameReader",
    "Recogniser",
    "constrained_fields",
    "decoding_grammar",
    "plan_rules",
    "request_fields",
    "server_and_level",
]
