"""What a stranger may rely on in the tree: a name means one class, and no two files need each other."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pyrag_dsl

ROOT = Path(pyrag_dsl.__file__).parent
TREES = {path.relative_to(ROOT): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))}


def module(path: Path) -> tuple[str, ...]:
    parts = ("pyrag_dsl", *path.with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def imported(path: Path) -> set[tuple[str, ...]]:
    """The modules of ours that a file imports, wherever in the file."""
    home = module(path) if path.name == "__init__.py" else module(path)[:-1]
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("pyrag_dsl")):
            base = home[: len(home) - node.level + 1] if node.level else ()
            named = (*base, *(node.module.split(".") if node.module else ()))
            found |= {(*named, alias.name) if (*named, alias.name) in MODULES else named for alias in node.names}
    return found & MODULES


MODULES = set(map(module, TREES))


def test_no_class_has_the_name_of_another() -> None:
    homes = defaultdict(list)
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(str(path))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_no_file_needs_itself() -> None:
    arrows = {module(path): imported(path) for path in TREES}

    def reached(start: tuple[str, ...]) -> set[tuple[str, ...]]:
        seen: set[tuple[str, ...]] = set()
        stack = list(arrows[start])
        while stack:
            here = stack.pop()
            if here not in seen:
                seen.add(here)
                stack += arrows[here]
        return seen

    assert [".".join(each) for each in arrows if each in reached(each)] == []


def test_imports_of_ours_are_written_in_one_way() -> None:
    absolute = [
        f"{path}:{node.lineno}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("pyrag_dsl")
    ]
    assert absolute == []
