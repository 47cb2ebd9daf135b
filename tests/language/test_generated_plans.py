"""The strategies that ship for fuzzing: plans that are valid, end soon and vary; stubs that are functions."""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import warnings
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from pyrag_dsl.grammar.diagnostics import PlanRejected
from pyrag_dsl.grammar.extract import extract_code
from pyrag_dsl.grammar.language import DEFAULT_SIGNATURES, REQUIRED, Signature, ToolParam
from pyrag_dsl.grammar.vet import parse
from pyrag_dsl.testing.plans import (
    FEATURES,
    Latencies,
    StubTools,
    latencies,
    mutants,
    plans,
    tool_results,
)
from pyrag_dsl.testing.replies import ModelReply, model_replies
from pyrag_dsl.testing.writer import Writer

SAMPLE = settings(
    max_examples=200, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def sample(strategy: st.SearchStrategy[Any], number: int = 200) -> list[Any]:
    """What a strategy makes, the same every time."""
    found: list[Any] = []

    @settings(SAMPLE, max_examples=number)
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


def accepted(text: str) -> bool:
    try:
        parse(text)
    except PlanRejected:
        return False
    return True


def run(text: str, tools: StubTools) -> tuple[list[Any], BaseException | None]:
    """What CPython makes of a plan: the calls, and the exception that ended it."""
    calls: list[Any] = []

    def logged(name: str, function: Any) -> Any:
        def tool(*args: Any, **keywords: Any) -> Any:
            calls.append((name, repr(args), repr(keywords)))
            return function(*args, **keywords)

        return tool

    space: dict[str, Any] = {name: logged(name, f) for name, f in tools.functions().items()}
    space |= {"__builtins__": vars(builtins), "__name__": "__main__"}
    tree = ast.parse(text)
    if any(isinstance(node, ast.Return) for node in outer_statements(tree)):
        function = ast.parse("def plan(): pass").body[0]
        assert isinstance(function, ast.FunctionDef)
        function.body = tree.body
        tree = ast.Module([function, *ast.parse("plan()").body], [])
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            exec(compile(ast.fix_missing_locations(tree), "plan", "exec"), space)
        except Exception as error:
            return calls, error
    return calls, None


def outer_statements(tree: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef):
            found += [node, *outer_statements(node)]
    return found


@st.composite
def unchecked(draw: Any) -> str:
    """What `plans` makes, before it asks the vetter."""
    writer = Writer(draw, 14, DEFAULT_SIGNATURES, True, FEATURES)
    writer.statements(14)
    return writer.finish()


@pytest.mark.thorough
def test_nearly_all_that_is_written_is_accepted() -> None:
    texts = sample(unchecked(), 300)
    refused = [text for text in texts if not accepted(text)]
    assert len(refused) <= 0.02 * len(texts), refused[0]


def test_plans_end_soon_and_call_tools() -> None:
    runs = [run(text, tools) for text, tools in sample(st.tuples(plans(), tool_results()))]
    counts = [len(calls) for calls, _ in runs]
    assert max(counts) < 200
    assert sum(count > 0 for count in counts) > 0.7 * len(counts)
    assert sum(count > 3 for count in counts) > 0.1 * len(counts)
    failed = Counter(type(error).__name__ for _, error in runs if error)
    assert 0.05 < sum(failed.values()) / len(runs) < 0.6
    assert len(failed) > 2


def test_few_plans_without_errors_fail() -> None:
    texts = sample(st.tuples(plans(with_errors=False), tool_results()))
    errors = [error for text, tools in texts if (error := run(text, tools)[1])]
    assert len(errors) <= 0.03 * len(texts), errors


@pytest.mark.thorough
def test_all_kinds_of_nodes_are_generated() -> None:
    texts = sample(plans(max_statements=24), 500)
    kinds = {type(node) for text in texts for node in ast.walk(ast.parse(text))}
    wanted = {
        ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Pass, ast.If, ast.For, ast.While,
        ast.Break, ast.Continue, ast.FunctionDef, ast.Return, ast.Try, ast.ExceptHandler, ast.Raise,
        ast.Assert, ast.Delete, ast.Import, ast.ImportFrom, ast.Global, ast.Constant, ast.Name,
        ast.JoinedStr, ast.FormattedValue, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.UnaryOp,
        ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.NamedExpr, ast.Attribute, ast.Subscript,
        ast.Slice, ast.Call, ast.Starred, ast.keyword, ast.Lambda, ast.ListComp, ast.SetComp,
        ast.DictComp, ast.GeneratorExp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod,
        ast.Pow, ast.BitOr, ast.BitAnd, ast.BitXor, ast.And, ast.Or, ast.Not, ast.USub, ast.Eq,
        ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.In, ast.NotIn, ast.Is, ast.IsNot,
    }  # fmt: skip
    assert wanted - kinds == set()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("feature", "nodes"),
    [
        ("functions", (ast.FunctionDef,)),
        ("try", (ast.Try, ast.Raise)),
        ("lambda", (ast.Lambda,)),
        ("generators", (ast.GeneratorExp,)),
        ("while", (ast.While,)),
        ("modules", (ast.Import,)),
        ("del", (ast.Delete,)),
        ("walrus", (ast.NamedExpr,)),
        ("augmented", ()),
    ],
)
def test_a_feature_can_be_switched_off(feature: str, nodes: tuple[type[ast.AST], ...]) -> None:
    texts = sample(plans(features=FEATURES - {feature}), 60)
    found = {type(node) for text in texts for node in ast.walk(ast.parse(text))}
    assert not found & set(nodes)


def test_features_that_do_not_exist_are_named() -> None:
    with pytest.raises(ValueError, match="unknown features: classes; there are annotations"):
        sample(plans(features=["classes"]), 1)


@pytest.mark.thorough
def test_plans_shrink_to_something_plain() -> None:
    shortest = settings(SAMPLE, max_examples=500, phases=[Phase.generate, Phase.shrink])
    assert len(find(plans(), lambda text: "for " in text, settings=shortest)) < 80
    assert len(find(plans(), lambda text: "answer(" in text, settings=shortest)) < 50


def test_tools_of_one_s_own_are_called() -> None:
    params = (ToolParam("words", "str", REQUIRED), ToolParam("strict", "bool", False))
    search = Signature("search", params, "list[str]")
    texts = sample(plans(tools={"search": search}), 60)
    assert any("strict=" in text for text in texts)
    assert sum("search(" in text for text in texts) > 30
    assert not any("answer(" in text or "retrieve(" in text for text in texts)
    for text in texts:
        parse(text, {"search": search})


@given(tool_results())
def test_stub_tools_are_functions_of_their_arguments(tools: StubTools) -> None:
    retrieve, answer = tools.functions()["retrieve"], tools.functions()["answer"]
    assert retrieve("a") == retrieve(query="a", topk=5) == tools("retrieve", {"topk": 5, "query": "a"})
    assert answer("a", ["b"]) == answer("a", docs=["b"]) == tools("answer", {"query": "a", "docs": ["b"]})
    assert all(len(retrieve("a", topk)) <= topk for topk in range(6))
    assert StubTools(tools.seed)("answer", {"query": "a", "docs": None}) == answer("a")
    with pytest.raises(TypeError):
        answer()


def test_stub_tools_show_what_plans_meet() -> None:
    answers = {tools("answer", {"query": "q", "docs": None}) for tools in map(StubTools, range(300))}
    assert {"unknown", "", "yes", "no", "1999", "12 May 1922", "two\nlines"} <= answers
    sizes = {len(tools("retrieve", {"query": "q", "topk": 5})) for tools in map(StubTools, range(300))}
    assert sizes == {0, 1, 2, 3, 4, 5}


@given(latencies(most=2.0), st.text())
def test_latencies_are_functions_of_the_call(schedule: Latencies, call: str) -> None:
    assert 0.0 <= schedule(call) <= 2.0
    assert schedule(call) == Latencies(schedule.seed, 2.0)(call)


def test_latencies_change_the_order_of_calls() -> None:
    orders = {tuple(sorted("abc", key=Latencies(seed, 1.0))) for seed in range(50)}
    assert len(orders) == 6


@settings(SAMPLE, max_examples=100)
@given(model_replies())
def test_the_plan_in_a_reply_is_found(reply: ModelReply) -> None:
    assert ast.dump(ast.parse(extract_code(reply.text))) == ast.dump(ast.parse(reply.plan))


def test_mutants_are_sometimes_plans_and_mostly_not() -> None:
    texts = sample(mutants(plans(max_statements=5)))
    assert 0.05 < sum(map(accepted, texts)) / len(texts) < 0.6
