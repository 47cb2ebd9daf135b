"""The embedded reader: an extractive stand-in for a language model."""

from __future__ import annotations

from .extract import read
from .reading import UNKNOWN, Reading

__all__ = ["UNKNOWN", "Reading", "read"]
