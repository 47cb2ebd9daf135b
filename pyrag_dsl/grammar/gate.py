"""The second gate: the policy of RestrictedPython, which judges a plan independently of the vetter.

With `strict=True`, a plan that the vetter accepts must pass this policy as well. The language needs a few constructs
that the policy refuses. They are allowed here one by one; everything else is the policy's own.
"""

from __future__ import annotations

import ast
from typing import Any

from .diagnostics import Diagnostic, Span


def _transformer() -> type[Any]:
    from RestrictedPython.transformer import RestrictingNodeTransformer

    class PlanPolicy(RestrictingNodeTransformer):
        """RestrictedPython's policy with the additions that plans need."""

        def check_name(self, node: Any, name: str | None, allow_magic_methods: bool = False) -> None:
            """Allow `_` and `_x`, which are ordinary variables of a plan, but not `__x`, `x__roles__` and `printed`."""
            if name and name.startswith("_") and not name.startswith("__") and not name.endswith("__roles__"):
                return
            super().check_name(node, name, allow_magic_methods)

        def visit_Name(self, node: ast.Name) -> Any:
            """Allow reading `__name__`, for `if __name__ == "__main__":`."""
            if node.id == "__name__" and isinstance(node.ctx, ast.Load):
                return node
            return super().visit_Name(node)

        def visit_Attribute(self, node: ast.Attribute) -> Any:
            """Allow the methods of named tuples, which begin with `_`, and `format`, which reads no attributes here."""
            if node.attr in ("_asdict", "_replace", "_fields", "format", "format_map"):
                return self.node_contents_visit(node)
            return super().visit_Attribute(node)

        def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
            """Allow annotations, because plans ignore them."""
            return self.node_contents_visit(node)

        def visit_AugAssign(self, node: ast.AugAssign) -> Any:
            """Allow `d[k] += 1`, which our own tables carry out, without the policy's guards."""
            return self.node_contents_visit(node)

        def visit_NamedExpr(self, node: ast.NamedExpr) -> Any:
            """Allow `:=` everywhere, because our scopes are resolved before anything runs."""
            return self.node_contents_visit(node)

        def visit_Nonlocal(self, node: ast.Nonlocal) -> Any:
            """Allow closures to rebind names."""
            for name in node.names:
                self.check_name(node, name)
            return node

        def visit_Global(self, node: ast.Global) -> Any:
            return node

        def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
            """Allow `from __future__ import annotations`, which changes nothing."""
            return node if node.module == "__future__" else super().visit_ImportFrom(node)

    return PlanPolicy


_policy: type[Any] | None = None


def second_opinion(text: str) -> tuple[Diagnostic, ...]:
    """The problems that RestrictedPython finds in a plan that the vetter has accepted; empty if they agree."""
    global _policy
    if _policy is None:
        _policy = _transformer()
    errors: list[str] = []
    warnings: list[str] = []
    _policy(errors, warnings, {}).visit(ast.parse(text))
    return tuple(_diagnostic(error) for error in errors)


def _diagnostic(error: str) -> Diagnostic:
    """The diagnostic of a message of RestrictedPython, such as `Line 3: "x" is an invalid ...`."""
    line, _, message = error.partition(":")
    number = line.removeprefix("Line ").strip()
    span = Span(int(number), 1, int(number), 2) if number.isdigit() else None
    return Diagnostic("PLAN217", f"RestrictedPython: {message.strip() or error}", span)
