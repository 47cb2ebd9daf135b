"""A small, safe language for the programs that language models write to answer questions.

    import pyrag_dsl as pd

    program = pd.parse(text)
    result = pd.run(program, tools={"retrieve": search, "answer": ask}, question="...")
    result.final_answer

Names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .agents.pyrag import PyRAG
    from .grammar.diagnostics import (
        Diagnostic,
        Edit,
        Fix,
        LimitExceeded,
        PlanError,
        PlanFailed,
        PlanRejected,
        Span,
        ToolFailed,
    )
    from .grammar.extract import extract_code
    from .grammar.fix import fix
    from .grammar.program import Program
    from .grammar.vet import parse
    from .interpreter.interpret import Outcome, interpret
    from .interpreter.journal import Entry, Journal
    from .interpreter.limits import Limits
    from .runtime.api import arun, rerun, run
    from .runtime.hooks import Answer, Change, Hook, Rerun, Veto
    from .runtime.result import Result
    from .runtime.tools import Reported, Tool, tool
    from .runtime.trace import Trace, TraceError

_HOMES = {
    "Answer": "runtime.hooks",
    "Change": "runtime.hooks",
    "Diagnostic": "grammar.diagnostics",
    "Edit": "grammar.diagnostics",
    "Entry": "interpreter.journal",
    "Fix": "grammar.diagnostics",
    "Hook": "runtime.hooks",
    "Journal": "interpreter.journal",
    "LimitExceeded": "grammar.diagnostics",
    "Limits": "interpreter.limits",
    "Outcome": "interpreter.interpret",
    "PlanError": "grammar.diagnostics",
    "PlanFailed": "grammar.diagnostics",
    "PlanRejected": "grammar.diagnostics",
    "Program": "grammar.program",
    "PyRAG": "agents.pyrag",
    "Reported": "runtime.tools",
    "Rerun": "runtime.hooks",
    "Result": "runtime.result",
    "Span": "grammar.diagnostics",
    "Tool": "runtime.tools",
    "ToolFailed": "grammar.diagnostics",
    "Trace": "runtime.trace",
    "TraceError": "runtime.trace",
    "Veto": "runtime.hooks",
    "arun": "runtime.api",
    "extract_code": "grammar.extract",
    "fix": "grammar.fix",
    "interpret": "interpreter.interpret",
    "parse": "grammar.vet",
    "rerun": "runtime.api",
    "run": "runtime.api",
    "tool": "runtime.tools",
}

__all__ = [
    "Answer",
    "Change",
    "Diagnostic",
    "Edit",
    "Entry",
    "Fix",
    "Hook",
    "Journal",
    "LimitExceeded",
    "Limits",
    "Outcome",
    "PlanError",
    "PlanFailed",
    "PlanRejected",
    "Program",
    "PyRAG",
    "Reported",
    "Rerun",
    "Result",
    "Span",
    "Tool",
    "ToolFailed",
    "Trace",
    "TraceError",
    "Veto",
    "__version__",
    "arun",
    "extract_code",
    "fix",
    "interpret",
    "parse",
    "rerun",
    "run",
    "tool",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
