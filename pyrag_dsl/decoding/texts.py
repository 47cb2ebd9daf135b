"""The grammar of plans as a text that an engine reads, and whether a reply can have been written under it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..grammar.diagnostics import PlanRejected
from ..grammar.language import DEFAULT_SIGNATURES, Signature
from ..grammar.vet import parse
from .dialects import DIALECTS
from .plans import DEPTH, plan_rules

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
