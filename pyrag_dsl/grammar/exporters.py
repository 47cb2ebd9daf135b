"""Diagnostics in the formats of editors (the Language Server Protocol) and code scanners (SARIF)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .codes import CODES
from .diagnostics import Diagnostic, Span

_LSP_SEVERITY = {"error": 1, "warning": 2, "note": 3}
_SARIF_LEVEL = {"error": "error", "warning": "warning", "note": "note"}
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render_lsp(diagnostics: Iterable[Diagnostic], source: str, uri: str = "file:///plan.py") -> list[dict[str, Any]]:
    """Diagnostics as `Diagnostic[]` of the Language Server Protocol 3.17.

    Positions count from 0, and characters in UTF-16 code units, as is the default of the protocol. The fixes are in
    `data`, each as a `CodeAction` with its edits of `uri`.
    """
    lines = source.split("\n")
    return [
        {
            "range": _range(found.span, lines),
            "severity": _LSP_SEVERITY[found.severity],
            "code": found.code,
            "source": "pyrag_dsl",
            "message": "\n".join(part for part in (found.message, *found.notes, found.help) if part),
            "relatedInformation": [
                {"location": {"uri": uri, "range": _range(span, lines)}, "message": message}
                for span, message in found.related
            ],
            "data": [
                {
                    "title": fix.title,
                    "kind": "quickfix",
                    "isPreferred": fix.applicability == "safe",
                    "edit": {
                        "changes": {uri: [{"range": _range(e.span, lines), "newText": e.text} for e in fix.edits]}
                    },
                }
                for fix in found.fixes
            ],
        }
        for found in diagnostics
    ]


def render_sarif(diagnostics: Iterable[Diagnostic], name: str = "plan.py", version: str = "") -> dict[str, Any]:
    """Diagnostics as a SARIF 2.1.0 log with one run. `name` is the file that they are about."""
    found = list(diagnostics)
    rules = sorted({each.code for each in found})
    driver: dict[str, Any] = {
        "name": "pyrag_dsl",
        "rules": [
            {
                "id": code,
                "name": CODES[code].slug,
                "shortDescription": {"text": CODES[code].meaning},
                "help": {"text": CODES[code].help},
            }
            for code in rules
        ],
    }
    if version:
        driver["version"] = version
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_sarif_result(each, rules.index(each.code), name) for each in found],
            }
        ],
    }


def _sarif_result(found: Diagnostic, rule: int, name: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": rule,
        "level": _SARIF_LEVEL[found.severity],
        "message": {"text": "\n".join(part for part in (found.message, *found.notes, found.help) if part)},
    }
    if found.span is not None:
        result["locations"] = [{"physicalLocation": {"artifactLocation": {"uri": name}, "region": _region(found.span)}}]
    if found.fixes:
        result["fixes"] = [
            {
                "description": {"text": fix.title},
                "artifactChanges": [
                    {
                        "artifactLocation": {"uri": name},
                        "replacements": [
                            {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}
                            for edit in fix.edits
                        ],
                    }
                ],
            }
            for fix in found.fixes
        ]
    return result


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _range(span: Span | None, lines: list[str]) -> dict[str, dict[str, int]]:
    if span is None:
        span = Span(1, 1, 1, 1)
    return {
        "start": _position(span.line, span.column, lines),
        "end": _position(span.end_line, span.end_column, lines),
    }


def _position(line: int, column: int, lines: list[str]) -> dict[str, int]:
    """Convert a position from 1-based characters to 0-based UTF-16 code units."""
    before = lines[line - 1][: column - 1] if line <= len(lines) else ""
    missing = max(0, column - 1 - len(before))  # for a place beyond the end of its line
    return {"line": line - 1, "character": len(before.encode("utf-16-le", "surrogatepass")) // 2 + missing}
