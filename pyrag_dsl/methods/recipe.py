"""Recipes: a method is a plan, with the tools that it calls and its inputs, whose defaults are those of the paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from ..agents.answerer import answer_tool
from ..agents.prompts import PromptLimits
from ..agents.roles import Models, chat_tool, complete_tool, role_tools
from ..grammar.language import Signature
from ..grammar.program import Program
from ..grammar.vet import parse
from ..runtime.hooks import Hook
from ..runtime.tools import Tool
from . import prompts
from .corpus_tools import SCHEMAS, Sentences, corpus_tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The models and tools with which a method works.

    Attributes:
        models: the model of each role; None for methods without a model.
        retrieve: the tool `retrieve`.
        retriever: the retriever, for tools that search by words or read single passages.
        tools: further tools, for methods and for the plans that models write.
        constrained: the server that is to decode plans by the grammar; see `Drafter`.
        adaptive: the hook for the plans that models write, if the method uses one.
        prompt_limits: the sizes of the prompts of `answer`.
        always_answer: whether `answer` without passages must answer in any case.
        sentences: finds sentences by their vectors, for `semantic_search`; None without such vectors.
    """

    models: Models | None
    retrieve: Tool | None = None
    retriever: Any = None
    tools: Mapping[str, Tool] = field(default_factory=dict)
    constrained: str | None = None
    adaptive: Hook | None = None
    prompt_limits: PromptLimits | None = None
    always_answer: bool = False
    sentences: Sentences | None = None
    _made: dict[bool, dict[str, Tool]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def toolset(self, selective: bool = False) -> dict[str, Tool]:
        """All tools that a method may call; with `selective`, written plans get the adaptive hook.

        They are made once, because reading the signatures of a dozen functions takes longer than running a plan.
        """
        if selective not in self._made:
            self._made[selective] = self._toolset(selective)
        return dict(self._made[selective])

    def _toolset(self, selective: bool) -> dict[str, Tool]:
        found = dict(self.tools)
        if self.retrieve is not None:
            found["retrieve"] = self.retrieve
        if self.retriever is not None:
            found.update(corpus_tools(self.retriever, self.sentences))
        if self.models is not None:
            model = self.models.answer
            found.setdefault("answer", answer_tool(model, self.prompt_limits, always=self.always_answer))
            written = {name: each for name, each in found.items() if name not in SCHEMAS or name == "retrieve"}
            adaptive = self.adaptive if selective else None
            found = {
                "chat": chat_tool(model, list(SCHEMAS.values())),
                "complete": complete_tool(model),
                **role_tools(self.models, written, constrained=self.constrained, adaptive=adaptive),
                **found,
            }
        return found


@dataclass(frozen=True)
class Recipe:
    """A method.

    Attributes:
        name: the name, for `--method`.
        source: the publication, or the file of the method.
        plan: the text of the plan.
        inputs: the inputs of the plan beside `question`, with the values of the paper.
        summary: a few words about the method.
        own: makes the tools of this method only, from those of the host.
    """

    name: str
    source: str
    plan: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    own: Callable[[Mapping[str, Tool]], Mapping[str, Tool]] | None = None

    @cached_property
    def needs(self) -> frozenset[str]:
        """The names of the tools that the plan may call, as far as its text tells."""
        return frozenset(re.findall(r"\b([a-z_]+)\(", self.plan)) & _TOOLS

    def program(self, signatures: Mapping[str, Signature], inputs: Mapping[str, Any] | None = None) -> Program:
        """The plan, vetted with these inputs beside the question. It is kept while they stay the same.

        Raises:
            PlanRejected: the plan was refused.
        """
        given = {"question": "", **(self.inputs if inputs is None else inputs)}
        vetted = self._vetted.get(self.plan)
        if vetted is None or vetted[0] != signatures or vetted[1] != given:
            # Equal values may have different types, such as True and 1, but no input of a method has both.
            vetted = (dict(signatures), given, parse(self.plan, signatures, inputs=given))
            self._vetted[self.plan] = vetted
        return vetted[2]

    @cached_property
    def _vetted(self) -> dict[str, tuple[dict[str, Signature], dict[str, Any], Program]]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        """The state for another process, without the vetted plan, which holds functions of this process."""
        return {name: value for name, value in self.__dict__.items() if name != "_vetted"}

    def given(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs with some of them changed. Raises `ValueError` for a name that the plan does not have."""
        for name in changes:
            if name not in self.inputs and self.source != "file":
                known = ", ".join(self.inputs) or "none"
                raise ValueError(f"the method {self.name} has no input {name!r}; it has: {known}")
        return {**self.inputs, **changes}


_TOOLS = frozenset(
    "retrieve answer chat complete decompose write_plan mend_plan run_plan keyword_search semantic_search "
    "chunk_read".split()
)


def recipes() -> dict[str, Recipe]:
    """The methods that come with the package, by name."""
    return {name: load_recipe(name) for name in _PUBLISHED}


@cache
def load_recipe(name: str) -> Recipe:
    """A method of the package. Raises `KeyError`."""
    source, summary, inputs = _PUBLISHED[name]
    return Recipe(name, source, (files(__package__) / f"{name}.plan").read_text("utf-8"), inputs, summary)


_PUBLISHED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "direct": ("no retrieval", "The model answers from what it knows.", {"system": prompts.DIRECT}),
    "vanilla": (
        "Lewis et al. 2020, arXiv 2005.11401",
        "One search with the question. The passages are in the system prompt.",
        {"system": prompts.VANILLA, "topk": 5},
    ),
    "self-ask": (
        "Press et al. 2023, arXiv 2210.03350",
        "The model asks itself follow-up questions, each of which is a query.",
        {"examples": prompts.SELF_ASK, "topk": 5, "turns": 5},
    ),
    "ircot": (
        "Trivedi et al. 2023, arXiv 2212.10509",
        "Each sentence of a chain of thought is a query. A separate reader answers.",
        {"system": prompts.IRCOT, "topk": 4, "steps": 10, "most": 15, "reader": True},
    ),
    "iter-retgen": (
        "Shao et al. 2023, arXiv 2305.15294",
        "Each answer is added to the query for the next answer.",
        {"topk": 5, "turns": 3},
    ),
    "pyrag": (
        "arXiv 2605.12975",
        "A model writes a plan. It is run with adaptive retrieval, and repaired if it fails.",
        {"split": True, "repairs": 2, "adaptive": "selective"},
    ),
    "a-rag-naive": (
        "A-RAG, its baseline with one tool",
        "A model searches with one tool until it answers.",
        {"system": prompts.A_RAG_NAIVE, "last": prompts.ANSWER_NOW, "topk": 5, "turns": 15},
    ),
    "a-rag": (
        "A-RAG",
        "A model searches by keywords and by meaning, and reads the chunks that it wants.",
        {
            "system": prompts.A_RAG,
            "last": prompts.ANSWER_NOW,
            "topk": 5,
            "turns": 15,
            "budget": 128_000,
            "semantic": "vectors",
        },
    ),
    "r1-searcher": (
        "Song et al. 2025, arXiv 2503.05592",
        "A trained model writes queries between its tags.",
        {"prompt": prompts.R1_SEARCHER, "topk": 5, "turns": 10},
    ),
    "search-r1": (
        "Jin et al. 2025, arXiv 2503.09516",
        "A trained model thinks, searches and answers in tags.",
        {
            "prompt": prompts.SEARCH_R1,
            "invalid": prompts.SEARCH_R1_INVALID,
            "template": prompts.CHATML,
            "topk": 3,
            "turns": 4,
        },
    ),
}
