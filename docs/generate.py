"""Writes the parts of the pages that are derived from the code: vocabulary, limits, diagnostics, the interfaces.

    python docs/generate.py            # rewrite the pages
    python docs/generate.py --check    # name the pages that would change, and exit with status 1

In `language.md`, the text between `<!-- table: NAME -->` and `<!-- end -->` is written here. `diagnostics.md` is
written as a whole, with the plans of `tests/diagnostics/*.plan` as examples, and so are `api.md`, `cli.md` and
`events.md`, from the code. A test checks that they are up to date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import fields
from inspect import cleandoc
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from docs import reference  # noqa: E402
from pyrag_dsl.grammar import language  # noqa: E402
from pyrag_dsl.grammar.codes import CODES, Code  # noqa: E402
from pyrag_dsl.interpreter.limits import Limits  # noqa: E402
from pyrag_dsl.methods import recipes  # noqa: E402
from tests.diagnostics.chunks import Chunk, chunks  # noqa: E402

_SECTION = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_BY_LIMIT = {
    "steps": "PLAN401",
    "deadline": "PLAN402",
    "memory": "PLAN403",
    "string": "PLAN404",
    "container": "PLAN405",
    "integer_bits": "PLAN406",
    "recursion": "PLAN407",
    "tool_calls": "PLAN408",
    "regex_seconds": "PLAN409",
    "pattern": "PLAN412",
    "output": "PLAN410",
    "depth": "PLAN411",
    "border": "PLAN405",
    "topk": "PLAN501",
    "tokens": "PLAN413",
    "cost": "PLAN413",
}
_PHASES = {
    "syntax": ("1xx: the text is not a program", "Found before anything runs; all of them, not only the first."),
    "vet": ("2xx: Python, but not a plan", "Found before anything runs, too."),
    "run": ("3xx: the plan raised", "With the variables that the failing expression read."),
    "limit": ("4xx: a limit was reached", "A plan cannot catch a limit."),
    "tool": ("5xx: a tool", "A plan cannot catch the failure of a tool."),
}


def words(names: frozenset[str]) -> str:
    return " ".join(f"`{name}`" for name in sorted(names, key=lambda name: (name.lower(), name)))


def functions() -> str:
    return words(language.FUNCTIONS) + "\n"


def exceptions() -> str:
    return words(language.EXCEPTIONS) + "\n"


def methods() -> str:
    rows = [f"| {kind} | {words(names)} |" for kind, names in language.TYPES.items() if names and kind != "other"]
    return "\n".join(["| type | attributes and methods |", "|---|---|", *rows]) + "\n"


def modules() -> str:
    rows = []
    for name, members in language.MODULES.items():
        implied = "yes" if name in language.IMPLICIT else "no"
        rows.append(f"| `{name}` | {implied} | {words(members)} |")
    return "\n".join(["| module | there without import | members |", "|---|---|---|", *rows]) + "\n"


def limits() -> str:
    said = dict(re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)$", cleandoc(Limits.__doc__ or ""), re.MULTILINE))
    rows = []
    for field in fields(Limits):
        default = f"{field.default:,}" if isinstance(field.default, int) else str(field.default)
        rows.append(
            f"| `{field.name}` | {default} | {' '.join(said[field.name].split())} | {_BY_LIMIT.get(field.name, '')} |"
        )
    return "\n".join(["| limit | default | what it bounds | code |", "|---|---|---|---|", *rows]) + "\n"


def plans() -> str:
    """Each question-answering method with its values and its plan."""
    out = [""]
    for recipe in recipes().values():
        values = {name: value for name, value in recipe.inputs.items() if not isinstance(value, str) or len(value) < 40}
        told = ", ".join(f"`{name}={value!r}`" for name, value in values.items()) or "none"
        texts = ", ".join(f"`{name}`" for name in recipe.inputs if name not in values)
        out += [f"## {recipe.name}", "", f"{recipe.summary} ({recipe.source})", ""]
        out += [f"Values: {told}." + (f" Texts that can be replaced: {texts}." if texts else ""), ""]
        out += ["```text", *recipe.plan.rstrip("\n").split("\n"), "```", ""]
    return "\n".join(out) + "\n"


TABLES: dict[str, Callable[[], str]] = {
    "functions": functions,
    "exceptions": exceptions,
    "methods": methods,
    "modules": modules,
    "plans": plans,
    "limits": limits,
}


def filled(page: str) -> str:
    """A page with its sections written anew."""
    return _SECTION.sub(lambda match: match[1] + TABLES[match[2]]() + match[3], page)


def diagnostics() -> str:
    """The page of all codes."""
    examples: dict[str, list[Chunk]] = {}
    for chunk in chunks():
        if chunk.expected:
            examples.setdefault(chunk.expected[0].code, []).append(chunk)
    out = [
        "# Diagnostics",
        "",
        "<!-- Written by docs/generate.py from grammar/codes.py and tests/diagnostics/*.plan: change those. -->",
        "",
        "Everything that can be wrong with a plan has a code. Codes are stable: a service may count them, and a model "
        "may be trained on them. Messages may be reworded. Each example is a test: `###` marks the line that is "
        "reported, and what the message says. `<U+202E>` stands for that character and `<700 x , 1>` for that many "
        "repetitions; a line that begins with `#:` says how the plan is run.",
        "",
        "How one looks on a terminal, as JSON and to a model that must repair: `pyrag check PLAN`, "
        "`pyrag check PLAN --json`, `pyrag check PLAN --prompt`.",
        "",
    ]
    phase = ""
    for code in CODES.values():
        if code.phase != phase:
            phase = code.phase
            title, said = _PHASES[phase]
            out += [f"## {title}", "", said, ""]
        out += entry(code, examples.get(code.id, []))
    return "\n".join(out)


def entry(code: Code, found: list[Chunk]) -> list[str]:
    lines = [f"### {code.id} {code.slug}", "", f"{code.meaning} {code.help}", ""]
    for chunk in found[:2]:
        lines += ["```python", *chunk.text.split("\n"), "```", ""]
    return lines


def pages() -> dict[Path, str]:
    """What the pages should say."""
    manual = HERE / "language.md"
    return {
        manual: filled(manual.read_text(encoding="utf-8")),
        HERE / "diagnostics.md": diagnostics(),
        HERE / "api.md": reference.page(),
        HERE / "cli.md": reference.commands(),
        HERE / "events.md": reference.events(),
        HERE / "methods.md": filled((HERE / "methods.md").read_text(encoding="utf-8")),
    }


def stale() -> list[Path]:
    """The pages that do not say it."""
    return [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def main() -> int:
    if "--check" in sys.argv[1:]:
        found = stale()
        for path in found:
            print(f"{path.name} is out of date: run python docs/generate.py")
        return 1 if found else 0
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
