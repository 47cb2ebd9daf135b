"""Warnings about values whose kind is known before the run: a list as a query, text plus number, `.group()` of None.

One forward visit follows the order of the text. The kind of a variable that a branch or a loop may change is not known
afterwards, and nothing outside a function is known inside it. A warning is about code that must fail if it is reached,
or about a result of a search or a tool that the plan relies on without a test.
"""

from __future__ import annotations

from typing import Any

from . import nodes as n
from .diagnostics import Diagnostic
from .findings import Findings
from .language import TYPES, Signature

_RETURNS = {"list[str]": "list", "list": "list", "str": "text", "int": "number", "float": "number", "dict": "dict"}
_CALLS = {
    "str": "text", "repr": "text", "format": "text", "chr": "text", "input": "text",
    "int": "number", "len": "number", "ord": "number", "float": "number", "abs": "number",
    "list": "list", "sorted": "list", "dict": "dict", "set": "set",
}  # fmt: skip
_TEXT_TO_TEXT = frozenset(
    "capitalize casefold center expandtabs format join ljust lower lstrip removeprefix removesuffix replace rjust"
    " rstrip strip swapcase title upper zfill".split()
)
_TEXT_TO_LIST = frozenset({"split", "rsplit", "splitlines"})
_METHODS = {
    "text": TYPES["str"], "answer": TYPES["str"], "list": TYPES["list"], "dict": TYPES["dict"], "set": TYPES["set"],
}  # fmt: skip
_NAMES = {
    "text": "text", "answer": "text", "list": "a list", "number": "a number", "dict": "a dictionary", "set": "a set",
    "search": "what a search found",
}  # fmt: skip
_AS_QUERY = {"list": "Ask once for each item.", "search": "Ask with its text: m.group() if m else ..."}
# Kinds of values that a plan should test, and the kind of such a value after the test.
_UNTESTED = {"search": "", "answer": "text"}
_SEARCHES = frozenset({"search", "match", "fullmatch"})
_OF_A_MATCH = frozenset({"group", "groups", "groupdict", "start", "end", "span"})


def check_kinds(body: n.Block, tools: dict[str, Signature], found: Findings) -> None:
    """Warnings for a whole plan."""
    _KindChecker(tools, found).block(body, {})


class _KindChecker:
    def __init__(self, tools: dict[str, Signature], found: Findings) -> None:
        self.tools = tools
        self.found = found
        self.returned: list[str] = []  # the kinds of the values that the function returns
        self.guarded = 0  # the number of enclosing `try` statements with handlers

    def block(self, statements: n.Block, kinds: dict[str, str]) -> None:
        for statement in statements:
            self.statement(statement, kinds)

    def statement(self, node: Any, kinds: dict[str, str]) -> None:
        kind = type(node)
        if kind is n.Assign:
            value = self.expr(node.value, kinds)
            for target in node.targets:
                self.forget(target, kinds)
                if type(target) is n.Name and value:
                    kinds[target.id] = value
        elif kind is n.FunctionDef:
            self.forget(node, kinds)
            outer, self.returned = self.returned, []
            self.block(node.body, {})
            if len(set(self.returned)) == 1:
                kinds[_result(node.name)] = self.returned[0]
            self.returned = outer
        elif kind is n.Return and node.value is not None:
            self.returned.append(self.expr(node.value, kinds))
        elif kind in (n.If, n.For, n.While, n.Try):
            if kind is not n.Try:
                test = node.iterable if kind is n.For else node.test
                self.expr(test, kinds if kind is n.If else {})
                self.tested(test, kinds)
            blocks = [node.body, node.orelse]
            if kind is n.Try:
                blocks += [handler.body for handler in node.handlers] + [node.finalbody]
            if kind is not n.If:
                self.forget(node, kinds)
            for block in blocks:
                self.found.charge(len(kinds) >> 5)
                guarded = kind is n.Try and block is node.body and bool(node.handlers)
                self.guarded += guarded
                self.block(block, dict(kinds))
                self.guarded -= guarded
            self.forget(node, kinds)
        else:
            for part in node:
                self.expr(part, kinds)
            if kind is n.Assert:
                self.tested(node, kinds)
            self.forget(node, kinds)

    def tested(self, node: Any, kinds: dict[str, str]) -> None:
        """Record that the plan has tested all variables in these nodes."""
        for part in self.found.walk(node):
            if type(part) is n.Name and kinds.get(part.id) in _UNTESTED:
                kinds[part.id] = _UNTESTED[kinds[part.id]]

    def forget(self, node: Any, kinds: dict[str, str]) -> None:
        """Forget the kinds of all names that these nodes may bind."""
        for part in self.found.walk(node):
            kind = type(part)
            if kind is n.Assign:
                for target in part.targets:
                    self.forget(target, kinds)
            elif kind is n.Name:
                kinds.pop(part.id, None)
                kinds.pop(_result(part.id), None)
            elif kind is n.Walrus or kind is n.FunctionDef:
                kinds.pop(part.name, None)
                kinds.pop(_result(part.name), None)

    def expr(self, node: Any, kinds: dict[str, str]) -> str:
        """The kind of an expression, "" if unknown. Warnings about its parts are reported."""
        kind = type(node)
        if kind is n.Const:
            return "text" if type(node.value) is str else "number" if type(node.value) in (int, float) else ""
        if kind is n.Name:
            return kinds.get(node.id, "")
        if kind in (n.Lambda, n.Comprehension):
            for part in node[1:]:
                self.inside(part)
            return "list" if kind is n.Comprehension and node.kind == "list" else ""
        if kind is n.ToolCall:
            return self.tool_call(node, kinds)
        if kind is n.FunctionCall:
            return self.call(node, kinds)
        if kind is n.Binary:
            return self.binary(node, kinds)
        if kind is n.Logic:
            self.found.charge(len(kinds) >> 5)
            known = dict(kinds)
            for operand in node.operands:
                self.expr(operand, known)
                self.tested(operand, known)
            return ""
        if kind is n.Conditional:
            self.expr(node.test, kinds)
            self.found.charge(len(kinds) >> 5)
            kinds = dict(kinds)
            self.tested(node.test, kinds)
            then, otherwise = self.expr(node.then, kinds), self.expr(node.otherwise, kinds)
            return then if then == otherwise else ""
        self.inside(node, kinds)
        return {n.FString: "text", n.ListDisplay: "list", n.DictDisplay: "dict", n.SetDisplay: "set"}.get(kind, "")

    def inside(self, node: Any, kinds: dict[str, str] | None = None) -> None:
        if not isinstance(node, tuple):
            return
        for part in node:
            if hasattr(part, "span"):
                self.expr(part, kinds or {})
            elif isinstance(part, tuple):
                self.inside(part, kinds)

    def tool_call(self, node: n.ToolCall, kinds: dict[str, str]) -> str:
        signature = self.tools[node.tool]
        given = list(zip((param.name for param in signature.params), node.args, strict=False)) + list(node.keywords)
        declared = {param.name: param.type for param in signature.params}
        for name, value in given:
            kind = self.expr(value, kinds)
            if declared.get(name or "") == "str" and kind not in ("", "text", "answer"):
                message = f"`{name}` of `{signature.name}` must be text, and this is {_NAMES[kind]}"
                self.warn("PLAN210", message, value, _AS_QUERY.get(kind, "Convert it with str(...)."))
        return "answer" if signature.returns == "str" else _RETURNS.get(signature.returns, "")

    def binary(self, node: n.Binary, kinds: dict[str, str]) -> str:
        left, right = (
            "text" if of == "answer" else of for of in (self.expr(node.left, kinds), self.expr(node.right, kinds))
        )
        if node.op == "+" and left and right and left != right:
            message = f"`+` between {_NAMES[left]} and {_NAMES[right]} always fails"
            literal = {type(node.left), type(node.right)} <= {n.Const, n.FString, n.ListDisplay}
            if not literal:  # literals are an error already
                self.warn("PLAN218", message, node, "Convert with str(...), or use an f-string.")
        return left if node.op == "+" and left == right else ""

    def call(self, node: n.FunctionCall, kinds: dict[str, str]) -> str:
        function = node.function
        given = [self.expr(part, kinds) for part in (*node.args, *[value for _, value in node.keywords])]
        if type(function) is n.Name:
            if function.id in ("int", "float") and given == ["answer"] and not self.guarded:
                message = f"`{function.id}()` of what a tool answered: it fails where that is more than a number"
                self.warn("PLAN302", message, node, _NUMBER)
            return kinds.get(_result(function.id)) or (_CALLS.get(function.id, "") if function.id not in kinds else "")
        if type(function) is not n.Attribute:
            self.expr(function, kinds)
            return ""
        name = function.name
        if name in _OF_A_MATCH and _is_search(function.value):
            message = f"`.{name}()` of a search: it is None where the pattern does not match"
            self.warn("PLAN309", message, node, f"Keep the match, and test it: m.{name}(...) if m else ...")
        if _is_search(node):
            return "search"
        if name == "strptime" and given[:1] == ["answer"] and not self.guarded:
            message = "`strptime()` of what a tool answered: it fails where that has another form"
            self.warn("PLAN302", message, node, "Catch ValueError, and try another format or use the text as it is.")
        of = self.expr(function.value, kinds)
        if of == "search" and name in _OF_A_MATCH and not self.guarded and not _is_search(function.value):
            message = f"`.{name}()` of what a search found: it is None where the pattern does not match"
            self.warn("PLAN309", message, node, f"Test it first: m.{name}(...) if m else ...")
        if of in _METHODS and name not in _METHODS[of]:
            self.warn("PLAN305", f"{_NAMES[of]} has no method `{name}`", node, _other_type(of, name))
        if of in ("text", "answer"):
            return of if name in _TEXT_TO_TEXT else "list" if name in _TEXT_TO_LIST else ""
        return ""

    def warn(self, code: str, message: str, node: Any, way_out: str) -> None:
        self.found.add(Diagnostic(code, message, node.span, severity="warning", help=way_out))


_NUMBER = "Take the number out first: m = re.search(r'\\d+', text), then int(m.group()) if m else ..."


def _result(name: str) -> str:
    """The name under which `kinds` holds the kind of a function's result."""
    return f"{name}()"


def _is_search(node: Any) -> bool:
    function = node.function if type(node) is n.FunctionCall else None
    return type(function) is n.Attribute and function.name in _SEARCHES and type(function.value) is n.Name


def _other_type(of: str, name: str) -> str:
    if of == "list" and name in TYPES["str"]:
        return f"Join the items first: ' '.join(value).{name}(...)."
    return ""
