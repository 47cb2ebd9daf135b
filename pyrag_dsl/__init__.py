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
    from .agents.adaptive import AdaptiveRetrieval
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
    from .grammar.language import Signature, ToolParam
    from .grammar.program import Program
    from .grammar.vet import parse
    from .interpreter.interpret import Outcome, interpret
    from .interpreter.journal import Call, Entry, Journal, Override
    from .interpreter.limits import Limits
    from .isolation.pool import IsolationUnavailable, Pool
    from .methods.answered import Answered
    from .methods.pyrag import PyRAG
    from .methods.python import method
    from .models import ChatModel
    from .reader import EmbeddedReader
    from .report import write_report
    from .retrieval import BM25Index, Hit, Passage, RemoteRetriever, Retriever, bundled_retriever
    from .runtime.api import Stream, arerun, arun, astream, rerun, run
    from .runtime.calls import CallRecord
    from .runtime.events import (
        CallFinished,
        CallStarted,
        DiagnosticFound,
        Event,
        HookDecided,
        NodeRerun,
        Printed,
        RunFinished,
        RunStarted,
        StatementEnded,
    )
    from .runtime.hooks import Answer, Change, Finished, Hook, Rerun, Veto, Wait
    from .runtime.lineage import Lineage
    from .runtime.nesting import RunContext
    from .runtime.notebook import NotebookProgress
    from .runtime.options import RunOptions
    from .runtime.result import Result
    from .runtime.tools import Reported, Tool, tool
    from .runtime.trace import Trace, TraceError

_HOMES = {
    "AdaptiveRetrieval": "agents.adaptive",
    "Answer": "runtime.hooks",
    "Answered": "methods.answered",
    "BM25Index": "retrieval",
    "Call": "interpreter.journal",
    "CallRecord": "runtime.calls",
    "CallFinished": "runtime.events",
    "CallStarted": "runtime.events",
    "Change": "runtime.hooks",
    "ChatModel": "models",
    "Diagnostic": "grammar.diagnostics",
    "DiagnosticFound": "runtime.events",
    "Edit": "grammar.diagnostics",
    "EmbeddedReader": "reader",
    "Entry": "interpreter.journal",
    "Event": "runtime.events",
    "Finished": "runtime.hooks",
    "Fix": "grammar.diagnostics",
    "Hit": "retrieval",
    "Hook": "runtime.hooks",
    "HookDecided": "runtime.events",
    "IsolationUnavailable": "isolation.pool",
    "Journal": "interpreter.journal",
    "LimitExceeded": "grammar.diagnostics",
    "Limits": "interpreter.limits",
    "Lineage": "runtime.lineage",
    "NodeRerun": "runtime.events",
    "NotebookProgress": "runtime.notebook",
    "Outcome": "interpreter.interpret",
    "Override": "interpreter.journal",
    "Passage": "retrieval",
    "PlanError": "grammar.diagnostics",
    "PlanFailed": "grammar.diagnostics",
    "PlanRejected": "grammar.diagnostics",
    "Pool": "isolation.pool",
    "Printed": "runtime.events",
    "Program": "grammar.program",
    "PyRAG": "methods.pyrag",
    "method": "methods.python",
    "RemoteRetriever": "retrieval",
    "Reported": "runtime.tools",
    "RunContext": "runtime.nesting",
    "Rerun": "runtime.hooks",
    "Result": "runtime.result",
    "Retriever": "retrieval",
    "RunFinished": "runtime.events",
    "RunOptions": "runtime.options",
    "RunStarted": "runtime.events",
    "Signature": "grammar.language",
    "Span": "grammar.diagnostics",
    "StatementEnded": "runtime.events",
    "Stream": "runtime.api",
    "Tool": "runtime.tools",
    "ToolFailed": "grammar.diagnostics",
    "ToolParam": "grammar.language",
    "Trace": "runtime.trace",
    "TraceError": "runtime.trace",
    "Veto": "runtime.hooks",
    "Wait": "runtime.hooks",
    "arerun": "runtime.api",
    "arun": "runtime.api",
    "astream": "runtime.api",
    "bundled_retriever": "retrieval",
    "extract_code": "grammar.extract",
    "fix": "grammar.fix",
    "interpret": "interpreter.interpret",
    "parse": "grammar.vet",
    "rerun": "runtime.api",
    "run": "runtime.api",
    "tool": "runtime.tools",
    "write_report": "report",
}

__all__ = [
    "AdaptiveRetrieval",
    "Answer",
    "Answered",
    "BM25Index",
    "Call",
    "CallFinished",
    "CallRecord",
    "CallStarted",
    "Change",
    "ChatModel",
    "Diagnostic",
    "DiagnosticFound",
    "Edit",
    "EmbeddedReader",
    "Entry",
    "Event",
    "Finished",
    "Fix",
    "Hit",
    "Hook",
    "HookDecided",
    "IsolationUnavailable",
    "Journal",
    "LimitExceeded",
    "Limits",
    "Lineage",
    "NodeRerun",
    "NotebookProgress",
    "Outcome",
    "Override",
    "Passage",
    "PlanError",
    "PlanFailed",
    "PlanRejected",
    "Pool",
    "Printed",
    "Program",
    "PyRAG",
    "RemoteRetriever",
    "Reported",
    "Rerun",
    "Result",
    "Retriever",
    "RunContext",
    "RunFinished",
    "RunOptions",
    "RunStarted",
    "Signature",
    "Span",
    "StatementEnded",
    "Stream",
    "Tool",
    "ToolFailed",
    "ToolParam",
    "Trace",
    "TraceError",
    "Veto",
    "Wait",
    "__version__",
    "arerun",
    "arun",
    "astream",
    "bundled_retriever",
    "extract_code",
    "fix",
    "interpret",
    "method",
    "parse",
    "rerun",
    "run",
    "tool",
    "write_report",
]

if not TYPE_CHECKING:  # a type checker sees the names above, and that there are no others

    def __getattr__(name: str) -> Any:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{home}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
