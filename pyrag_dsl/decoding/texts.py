"""The levels: their rules, their grammars as texts, and their descriptions for the prompt of a model."""

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
"""The description of each level for the prompt. Without it, a model that wants to write something else is forced into
the form of the grammar, and its plan may make no sense."""


def plan_rules(
    level: str = "wide",
    tools: Mapping[str, Signature] = DEFAULT_SIGNATURES,
    *,
    hops: int | None = None,
    depth: int | None = None,
    inputs: Iterable[str] = INPUTS,
) -> Rules:
    """The rules of a level over these tools. Arguments and errors are those of `decoding_grammar`."""
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}: one of {', '.join(LEVELS)}")
    if level == "safe":
        return safe_rules(tools, hops, DEPTH if depth is None else depth, inputs)
    if hops is not None or depth is not None:
        raise ValueError(f"only level safe has hops and depth: level {level} has no hops")
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
        dialect: "llguidance" (Lark with a header, for vLLM, SGLang, and llama.cpp if it was built with llguidance),
            "gbnf" (for llama.cpp, xgrammar, and SGLang as EBNF) or "openai" (Lark for custom tools).
        tools: the signatures of the tools. A text can call only these tools, with the names of their parameters.
        level: "wide", the whole syntax of the language, where the vetter may refuse a text only for its names and the
            kinds of its values; "safe", where it accepts every text; or "names", a little less than wide, where it
            accepts every text that `NameReader` has read to its end.
        hops: for level safe, the most pairs of a list and a fact, 1 to 9; None for as many as the limits on the length
            of a plan allow, up to 6.
        depth: for level safe, the deepest nesting of blocks, 0 to 3; None for 2.
        inputs: for level safe, the names that are bound to texts before the plan begins. Other levels ignore them.

    Raises:
        ValueError: the dialect, the level or a number is wrong, or no rules can be made for these tools.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"unknown dialect {dialect!r}: one of {', '.join(DIALECTS)}")
    return DIALECTS[dialect](plan_rules(level, tools, hops=hops, depth=depth, inputs=inputs))
