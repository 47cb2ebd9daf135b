"""Constrained decoding: grammars under which a model can write nothing but plans.

    text = decoding_grammar("llguidance")
    fields = request_fields("vllm", text)       # add them to the body of the request

The grammar is a part of the language, not all of it: see `plans.py` for the shape, `dialects.py` for how it is
written, `servers.py` for where it goes. `SHAPE` tells a model about it, which is worth doing: a model that wants to
write something else is held to the form and not to the sense.
"""

from __future__ import annotations

from .dialects import DIALECTS
from .plans import plan_rules
from .servers import SERVERS, constrained_fields, request_fields
from .texts import SHAPE, decoding_grammar, may_be_decoded

__all__ = [
    "DIALECTS",
    "SERVERS",
    "SHAPE",
    "constrained_fields",
    "decoding_grammar",
    "may_be_decoded",
    "plan_rules",
    "request_fields",
]
