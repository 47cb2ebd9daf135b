"""Constrained decoding: grammars under which a model can write nothing but plans.

    text = decoding_grammar("llguidance", level="wide")
    fields = request_fields("vllm", text)       # add them to the body of the request

There are three levels, from one lexicon: *wide*, the whole surface of the language; *safe*, a part of it in which
every text vets; and *names*, a little less than wide, of which every text vets if a reader beside the grammar masks
tokens. See `texts.py` for the list of them, `wide.py`, `safe.py` and `name_reader.py` for their shapes, `dialects.py`
for how they are written, `servers.py` for where they go. `SHAPES` tells a model about each, which is worth doing.
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
