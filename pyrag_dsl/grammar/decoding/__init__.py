"""Constrained decoding: grammars under which a model can write nothing but plans.

    text = decoding_grammar("llguidance")
    fields = request_fields("vllm", text)       # add them to the body of the request

The grammar is a part of the language, not all of it: see `plans.py` for the shape, `dialects.py` for how it is
written, `servers.py` for where it goes. `SHAPE` tells a model about it, which is worth doing: a model that wants to
write something else is held to the form and not to the sense.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..language import DEFAULT_SIGNATURES, Signature
from .dialects import DIALECTS
from .plans import DEPTH, plan_rules
from .servers import SERVERS, constrained_fields, request_fields

__all__ = ["DIALECTS", "SERVERS", "SHAPE", "constrained_fields", "decoding_grammar", "plan_rules", "request_fields"]

SHAPE = """\
Write the program alone, without a fence, as a chain of hops. Hop 1 is two lines: `docs_1 = ...`, a list, then
`fact_1 = ...`, a text. Hop 2 binds `docs_2` and `fact_2`, and so on. After a hop you may give its names other values,
with `if` and `for item_1 in ...:`. End with `final_answer = ...`. Use double quotes, and f"..." to put facts into
queries."""


def decoding_grammar(
    dialect: str,
    tools: Mapping[str, Signature] = DEFAULT_SIGNATURES,
    *,
    hops: int | None = None,
    depth: int = DEPTH,
) -> str:
    """The grammar of plans over these tools, every text of which vets against them.

    Args:
        dialect: "llguidance" (Lark with its header: vLLM, SGLang, llama.cpp built for it), "gbnf" (llama.cpp,
            xgrammar, SGLang's EBNF) or "openai" (Lark for custom tools).
        tools: the signatures of the tools; their names and keywords are the only ones that can be written.
        hops: pairs of a list and a fact at most, 1 to 9; if None, 6, or fewer where the tools have so many parameters
            that a plan could be too long to be read. A hop adds about 9,000 characters to the grammar.
        depth: nested blocks at most, 0 to 3.

    Raises:
        ValueError: for another dialect or number, and where `plan_rules` says so.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"unknown dialect {dialect!r}: one of {', '.join(DIALECTS)}")
    return DIALECTS[dialect](plan_rules(tools, hops, depth))
