"""The pages of the interfaces, written from code: Python names with their docstrings, events, commands."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer

import pyrag_dsl
from pyrag_dsl.cli import status
from pyrag_dsl.cli.execute import app as exec_app
from pyrag_dsl.cli.verbs import app as pyrag_app
from pyrag_dsl.runtime.events import EVENTS, READABLE, VERSION

_ROOMS = (
    ("Plans", ("grammar",)),
    ("Running them", ("runtime.api", "runtime.options", "interpreter.limits")),
    ("Tools and hooks", ("runtime.tools", "runtime.nesting", "runtime.hooks", "agents.adaptive")),
    (
        "What a run leaves",
        ("runtime.result", "runtime.calls", "runtime.lineage", "runtime.trace", "runtime.events", "runtime.notebook"),
    ),
    ("One pass", ("interpreter",)),
    ("Isolation", ("isolation",)),
    ("Search, models, reader", ("retrieval", "models", "reader")),
    ("Methods", ("methods", "agents")),
    ("Reports", ("report",)),
)
_SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields):$")
_ITEM = re.compile(r"([\w.*`, ]+): (.*)$")


def page() -> str:
    """All exported names, by what they are for."""
    names = {name: getattr(pyrag_dsl, name) for name in pyrag_dsl.__all__ if not name.startswith("__")}
    parts = [
        "# The Python interface\n\n"
        "Everything that `import pyrag_dsl as pd` offers. This page is written from the code by `docs/generate.py`.\n"
    ]
    for title, homes in _ROOMS:
        mine = [name for name, value in names.items() if _home(value, homes)]
        parts.append(f"## {title}\n")
        parts += [_entry(name, names.pop(name)) for name in sorted(mine, key=_functions_first(names))]
    assert not names, f"no room for {sorted(names)}"
    return "\n".join(parts)


def events() -> str:
    """The kinds of events in a trace, with their fields."""
    parts = [
        "# Events of a trace\n\n"
        "<!-- Written by docs/generate.py from runtime/events.py: change that. -->\n\n"
        "A trace file holds one event in each line, as a JSON object whose `type` is the title of a section below. "
        "`pd.Trace.load(path)` reads the file, `trace.events` are the events as objects, and `pd.astream` and "
        "`on_event` give them while a run goes on. "
        f"Format: version {VERSION}; versions {' and '.join(map(str, READABLE))} can be read.\n"
    ]
    for type_, kind in EVENTS.items():
        parts.append(_entry(kind.__name__, kind).replace(f"### {kind.__name__}\n", f"## {type_}\n", 1))
    return "\n".join(parts)


def commands() -> str:
    """What each command takes, as its `--help` says it."""
    parts = [
        "# Command line\n\n"
        "<!-- Written by docs/generate.py from pyrag_dsl/cli: change that. -->\n\n"
        "`pyrag-exec` runs a plan; `pyrag` has everything else. Each says this with `--help`. Answers go to standard "
        "output, steps and messages to standard error.\n\n"
        "| exit status | means |\n|---|---|\n"
        + "".join(f"| {number} | {told} |\n" for number, told in _STATUSES.items())
    ]
    for name, app in (("pyrag-exec", exec_app), ("pyrag", pyrag_app())):
        parts += _command(name, typer.main.get_command(app))
    return "\n".join(parts)


_STATUSES = {
    status.OK: "done",
    status.FAILED: "the plan failed, or what was looked for was found (`check`, `diff`, `fuzz`)",
    status.USAGE: "wrong usage: the message says what to change",
    status.REJECTED: "the plan was rejected before anything was called",
    status.LIMIT: "a limit was reached",
    status.TOOL: "a tool, a model or a service failed",
    status.INTERNAL: "an internal error: please report it",
    status.INTERRUPTED: "interrupted",
}


def _command(name: str, command: Any) -> Iterator[str]:
    below = getattr(command, "commands", {})
    if below:
        for verb, each in below.items():
            yield from _command(f"{name} {verb}", each)
        return
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option" and not param.hidden]
    usage = " ".join([name, *(_place(param) for param in arguments), "[OPTIONS]"])
    yield f"## {name}\n\n```text\n{usage}\n```\n"
    for part in (command.help or "").split("\n\n"):
        yield " ".join(part.split()) + "\n"
    rows = [(f"`{_place(param)}`", param.help) for param in arguments]
    rows += [(f"`{_option(param)}`", param.help) for param in options if param.name not in _SHELL]
    if rows:
        yield "| | |\n|---|---|\n" + "".join(f"| {_cell(shown)} | {_cell(told or '')} |\n" for shown, told in rows)


_SHELL = ("help", "install_completion", "show_completion")


def _place(param: Any) -> str:
    shown = param.metavar or param.name.upper()
    return shown if param.required else f"[{shown}]"


def _option(param: Any) -> str:
    return ", ".join(param.opts) + ("" if param.is_flag else f" {param.metavar or 'VALUE'}")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _home(value: Any, homes: tuple[str, ...]) -> bool:
    return f"{value.__module__}.".startswith(tuple(f"pyrag_dsl.{home}." for home in homes))


def _functions_first(names: dict[str, Any]) -> Any:
    return lambda name: (inspect.isclass(names[name]), name.lower())


def _entry(name: str, value: Any) -> str:
    lines = [f"### {name}\n"]
    shown = _fields(name, value) if inspect.isclass(value) else _signature(name, value)
    if shown:
        lines.append(f"```text\n{shown}\n```\n")
    lines += _text(inspect.getdoc(value) or "")
    members = list(_members(value)) if inspect.isclass(value) else []
    for shown, doc in members:
        lines.append(f"- `{shown}`: {' '.join(doc.split())}")
    return "\n".join(lines).rstrip() + "\n"


def _fields(name: str, kind: type) -> str:
    """The fields of a dataclass or a named tuple, those of its bases first."""
    names = getattr(kind, "__dataclass_fields__", None) or getattr(kind, "_fields", ())
    types: dict[str, Any] = {}
    for each in reversed(kind.__mro__):
        types.update(vars(each).get("__annotations__", {}))
    told = {field: getattr(types[field], "__forward_arg__", types[field]) for field in names if field in types}
    known = [f"{field}: {type_}" for field, type_ in told.items() if not field.startswith("_")]
    return f"{name}({', '.join(known)})" if known else ""


def _signature(name: str, function: Any) -> str:
    given = inspect.signature(function)
    kept = [param for at, param in enumerate(given.parameters.values()) if at or param.name not in ("self", "cls")]
    prefix = "async " if inspect.iscoroutinefunction(function) else ""
    return f"{prefix}{name}{given.replace(parameters=kept)}".replace("'", "")


def _members(kind: type) -> Iterator[tuple[str, str]]:
    """Methods and properties that the class itself defines and documents, each with what it says first."""
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        function = getattr(member, "__func__", member)
        doc = inspect.getdoc(member) if not isinstance(function, property) else function.__doc__
        if not doc or not (inspect.isfunction(function) or isinstance(function, property)):
            continue
        shown = name if isinstance(function, property) else _signature(name, function)
        yield shown, inspect.cleandoc(doc).split("\n\n")[0]


def _text(doc: str) -> Iterator[str]:
    """A docstring as Markdown: sections become lists, what is indented stays code."""
    section = False
    for line in doc.splitlines():
        if found := _SECTION.match(line):
            section = True
            yield f"**{found[1]}**\n"
        elif not section or (line and not line.startswith(" ")):
            section = False
            yield line
        elif line.startswith("    ") and not line.startswith("     "):
            item = _ITEM.match(line.strip())
            yield f"- `{item[1]}`: {item[2]}" if item else f"- {line.strip()}"
        else:
            yield f"  {line.strip()}" if line.strip() else ""
    yield ""
