"""`python -m pyrag_dsl.cli` does the same as `pyrag`."""

from __future__ import annotations

import sys

from . import pyrag

sys.exit(pyrag())
