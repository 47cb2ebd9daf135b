"""The levels: their rules, their grammars as texts that engines read, and what a model is told of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..grammar.language import DEFAULT_SIGNATURES, Signature
from .dialects import DIALECTS
from .named import named_rules
from .rules import Rules
from .safe import DEPTH, safe_rules
from .wide import wide_rules

LEVELS = ("wide", "names", "safe")
INPUTS = ("question",)
SHAPES = {
    "wide": """\
Write the program alone, without a fence: each line is code, or a comment that begins with `#`. Indent by four spaces.
Call the tools by their names, and end with `final_answer = ...`.""",
    "names": """\
Write the program alone, without a fence: each line is code, or a comment that begins with `#`. Indent by four spaces.
Call the tools by their names, bind each name above the line that uses it, and end with `final_answer = ...`.""",
    "safe": """\
Write the program alone, without a fence, as a chain of hops. Hop 1 is two lines: `docs_1 = ...`, a list, then
`fact_1 = ...`, a text. Hop 2 binds `docs_2` and `fact_2`, and so on. After a hop you may give its names other values,
with `if` and `for item_1 in ...:`. End with `final_answer = ...`. Use double quotes, and f"..." to put facts into
queries. The question is in `question`.""",
}
"""What a model is told of each level: one that wants to write something else is held to the form, not to the sense."""


def plan_rules(
    level: str = "wide",
    tools: Mapping[str, Signature] = DEFAULT_SIGNATURES,
    *,
    hops: int | None = None,
    depth: int | None = None,
    inputs: Iterable[str] = INPUTS,
) -> Rules:
    """The rules of a level over these tools; see ``decoding_grammar``."""
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}: one of {', '.join(LEVELS)}")
    if level == "safe":
        return safe_rules(tools, hops, DEPTH if depth is None else depth, inputs)
    if hops is not None or depth is not None:
        raise ValueError(f"hops and depth are of level safe: level {level} has no hops")
    return wide_rules(tools) if level == "wide" else named_rules(tools)


def decoding_grammar(
    dialect: str,
    tools: Mapping[str, Signature] = DEFAULT_SIGNATURES,
    *,
    level: str = "wide",
    hops: int | None = None,
    depth: int | None = None,
    inputs: Iterable[str] = INPUTS,
) -> str:
    """The grammar of plans over these tools.

    Args:
        dialect: "llguidance" (Lark with its header: vLLM, SGLang, llama.cpp built for it), "gbnf" (llama.cpp,
            xgrammar, SGLang's EBNF) or "openai" (Lark for custom tools).
        tools: the signatures of the tools; their names and keywords are the only ones that can be written.
        level: "wide", the whole surface of the language, of which the vetter may refuse a text for its names and kinds
            only; "safe", of which every text vets; or "names", a little less than wide, of which every text vets that
            `NameReader` has read to its end.
        hops: of level safe, pairs of a list and a fact at most, 1 to 9; if None, as many as leave the longest plan
            short enough to be read, up to 6.
        depth: of level safe, nested blocks at most, 0 to 3; 2 if None.
        inputs: of level safe, names that are bound to texts before the plan begins. To the others they are like any.

    Raises:
        ValueError: for another dialect, level or number, and where the rules cannot be made over these tools.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"unknown dialect {dialect!r}: one of {', '.join(DIALECTS)}")
    return DIALECTS[dialect](plan_rules(level, tools, hops=hops, depth=depth, inputs=inputs))
