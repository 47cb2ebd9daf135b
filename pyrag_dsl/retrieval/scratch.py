"""A temporary directory that is deleted with the object and the process that own it."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path


class Scratch:
    """Creates a directory, which is deleted by `cleanup()`, with this object, or when the process ends.

    Attributes:
        path: the directory.

    Raises:
        OSError: the directory cannot be created.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="pyrag-index-"))
        self._finalizer = weakref.finalize(self, _delete, str(self.path), os.getpid())

    def cleanup(self) -> None:
        """Delete the directory now."""
        self._finalizer()


def _delete(path: str, owner: int) -> None:
    # A forked child inherits the finalizer, but must not delete the files of its parent.
    if os.getpid() == owner:
        shutil.rmtree(path, ignore_errors=True)
