"""A temporary directory that is deleted with the object and the process that own it."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path


class Scratch:
    """Makes a new directory `path`, which is deleted by `cleanup()`, with this object, or at exit. Raises `OSError`."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="pyrag-index-"))
        self._finalizer = weakref.finalize(self, _delete, str(self.path), os.getpid())

    def cleanup(self) -> None:
        """Delete the directory now."""
        self._finalizer()


def _delete(path: str, owner: int) -> None:
    # A forked child inherits the finalizer, and must leave its parent's files alone.
    if os.getpid() == owner:
        shutil.rmtree(path, ignore_errors=True)
