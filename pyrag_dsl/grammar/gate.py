"""The second gate: RestrictedPython's policy, an opinion independent of the vetter's.

What the vetter accepts, its transformer must accept too. The language needs a few things that the policy is
stricter about; they are written down here one by one, and everything else is the policy's own.
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
            """`_` and `_x` are ordinary variables of a plan; `__x`, `x__roles__` and `printed` stay refused."""
            if name and name.startswith("_") and not name.startswith("__") and not name.endswith("__roles__"):
                return
            super().check_name(node, name, allow_magic_methods)

        def visit_Name(self, node: ast.Name) -> Any:
            """`__name__` may be read: `if __name__ == "__main__":`."""
            if node.id == "__name__" and isinstance(node.ctx, ast.Load):
                return node
            return super().visit_Name(node)

        def visit_Attribute(self, node: ast.Attribute) -> Any:
            """The methods of named tuples begin with an underscore; `format` is ours and reads no attributes."""
            if node.attr in ("_asdict", "_replace", "_fields", "format", "format_map"):
                return self.node_contents_visit(node)
            return super().visit_Attribute(node)

        def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
            """Annotations are ignored by plans."""
            return self.node_contents_visit(node)

        def visit_AugAssign(self, node: ast.AugAssign) -> Any:
            """`d[k] += 1` goes through our own tables, so that the policy's guards are not needed."""
            return self.node_contents_visit(node)

        def visit_NamedExpr(self, node: ast.NamedExpr) -> Any:
            """Walrus anywhere: our scopes are resolved before anything runs."""
            return self.node_contents_visit(node)

        def visit_Nonlocal(self, node: ast.Nonlocal) -> Any:
            """Closures may rebind."""
            for name in node.names:
                self.check_name(node, name)
            return node

        def visit_Global(self, node: ast.Global) -> Any:
            return node

        def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
            """`from __future__ import annotations` changes nothing."""
            return node if node.module == "__future__" else super().visit_ImportFrom(node)

    return PlanPolicy


_policy: type[Any] | None = None


def second_opinion(text: str) -> tuple[Diagnostic, ...]:
    """What RestrictedPython has against a plan that the vetter has accepted; nothing if they agree."""
    global _policy
    if _policy is None:
        _policy = _transformer()
    errors: list[str] = []
    warnings: list[str] = []
    _policy(errors, warnings, {}).visit(ast.parse(text))
    return tuple(_diagnostic(error) for error in errors)


def _diagnostic(error: str) -> Diagnostic:
    """RestrictedPython says `Line 3: "x" is an invalid ...`."""
    line, _, message = error.partition(":")
    number = line.removeprefix("Line ").strip()
    span = Span(int(number), 1, int(number), 2) if number.isdigit() else None
    return Diagnostic("PLAN217", f"RestrictedPython: {message.strip() or error}", span)
