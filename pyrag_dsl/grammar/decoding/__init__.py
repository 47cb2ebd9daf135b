"""Constrained decoding: grammars under which a model can write nothing but plans.

    text = decoding_grammar("llguidance")
    fields = request_fields("vllm", text)       # add them to the body of the request

The grammar is a part of the language, not all of it: see `plans.py` for the shape, `dialects.py` for how it is
written, `servers.py` for where it goes. `SHAPE` tells a model about it, which is worth doing: a model that wants to
write something else is held to the form and not to the sense.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..diagnostics import PlanRejected
from ..language import DEFAULT_SIGNATURES, Signature
from ..vet import parse
from .dialects import DIALECTS
from .plans import DEPTH, plan_rules
from .servers import SERVERS, constrained_fields, request_fields

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

SHAPE = """\
Write the program alone, without a fence, as a chain of hops. Hop 1 is two lines: `docs_1 = ...`, a list, then
`fact_1 = ...`, a text. Hop 2 binds `docs_2` and `fact_2`, and so on. After a hop you may give its names other values,
with `if` and `for item_1 in ...:`. End with `final_answer = ...`. Use double quotes, and f"..." to put facts into
queries."""


_BEGIN = re.compile(r"(?:#[^\n]*\n)*(?:docs_1|final_answer) = ")
_NAME = re.compile(r"(?:docs|fact|item)_\d|final_answer")


def may_be_decoded(text: str, tools: Mapping[str, Signature] = DEFAULT_SIGNATURES, *, cut: bool = False) -> bool:
    """Whether a reply can be one that was decoded by the grammar: False proves that the server did not constrain it.

    What is decoded is the program alone, accepted as it stands, with no names but those of the grammar. cut: the reply
    was cut off, so that only its beginning can be looked at.
    """
    text = text.strip()
    if not _BEGIN.match(text):
        return cut and not text
    if cut:
        return True
    try:
        program = parse(text, dict(tools))
    except PlanRejected:
        return False
    return all(_NAME.fullmatch(name) for name in program.module_names if name not in tools)


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
