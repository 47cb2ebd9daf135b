"""Runs as spans of OpenTelemetry: see `Tracing`, and `send` for a recorded run. This needs the extra `otel`."""

from __future__ import annotations

from .conventions import CONVENTIONS, Conventions
from .tracing import Tracing, send

__all__ = ["CONVENTIONS", "Conventions", "Tracing", "send"]
