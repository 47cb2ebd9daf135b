"""The traces of a folder as a table that can be sorted and searched quickly: an index on disk, made with SQLite.

A file is read again if its size or its time of change differs from the index. The index can be deleted at any time. It
is in the folder of the traces, or in another folder that is named. If that folder cannot be written, the index is kept
in memory until the process ends.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..interpreter.journal import REUSED
from ..report.differences import brief
from ..report.view import mood_of
from ..runtime.events import CallFailed, CallFinished, DiagnosticFound
from ..runtime.nesting import Spending
from ..runtime.trace import Trace, TraceError

FILE = ".pyrag-view.sqlite"
_VERSION = 1
_BATCH = 200  # files after which the rows are written to the table
SORTS = ("path", "started", "seconds", "calls", "tokens", "cost", "repairs", "status", "question")
MOODS = ("good", "unknown", "bad", "going")


@dataclass(frozen=True, slots=True)
class Listed:
    """A trace in the list.

    Attributes:
        path: the path from the folder, with `/`.
        mtime: the time of change of the file when it was read, in nanoseconds.
        size: the size of the file when it was read, in bytes.
        mood: "good", "unknown", "bad" or "going" (unfinished), as in `View.mood`; "" for a file that is not a trace.
        status: how the run ended, as in `RunFinished`; "" if it has not ended.
        question: the question, shortened.
        answer: the final answer, shortened; "" if there is none.
        problem: the error that ended the run, or why the file cannot be read; "" if there is none.
        started: when the run started, in ISO format.
        seconds: the time of the run.
        calls, tokens, cost: the calls, tokens and cost of the run, nested runs included.
        repairs: how many plans were repaired or written again, and how many searches were made again.
        about: the model and the corpus, if they were recorded.
    """

    path: str
    mtime: int
    size: int
    mood: str
    status: str
    question: str
    answer: str
    problem: str
    started: str
    seconds: float
    calls: int
    tokens: int
    cost: float
    repairs: int
    about: str


_COLUMNS = tuple(each.name for each in fields(Listed))


def listed(folder: Path, path: str) -> Listed | None:
    """The row of a file; None if the file does not exist any more."""
    try:
        state = (folder / path).stat()
    except OSError:
        return None
    try:
        return _row(path, state.st_mtime_ns, state.st_size, Trace.load(folder / path))
    except TraceError as error:
        why = brief(str(error).replace(str(folder / path), path), 200)
        return Listed(path, state.st_mtime_ns, state.st_size, "", "", "", "", why, "", 0.0, 0, 0, 0.0, 0, "")


def _row(path: str, mtime: int, size: int, trace: Trace) -> Listed:
    spent, again = Spending(), 0
    for event in trace.events:
        if isinstance(event, (CallFinished, CallFailed)):
            spent.count(event)
        if isinstance(event, CallFinished) and REUSED not in event.usage:
            again += (event.tool == "mend_plan") + (event.speculative and event.tool == "retrieve")
    written = sum(call.tool == "write_plan" and call.ended for call in trace.calls)
    header, finished = trace.header, trace.finished
    problems = [event.diagnostic for event in trace.of(DiagnosticFound) if event.diagnostic.severity == "error"]
    return Listed(
        path,
        mtime,
        size,
        mood_of(trace),
        "" if finished is None else finished.status,
        _text(header.question),
        "" if finished is None or finished.status != "done" else _text(finished.final_answer),
        f"{problems[0].code} {_text(problems[0].message)}" if problems else "",
        header.started,
        0.0 if finished is None else float(finished.elapsed),
        spent.calls,
        int(spent.tokens),
        float(spent.cost),
        again + max(0, written - 1),
        _text(", ".join(map(str, header.about.values()))),
    )


def _text(value: Any) -> str:
    return value[:300] if isinstance(value, str) else brief(value, 300)


class Catalog:
    """The traces in a folder and its subfolders.

    Args:
        folder: the folder of the traces.
        cache: another folder for the index; if None, the index is in `folder`.

    Attributes:
        folder: the folder of the traces.
        place: the file of the index; "" if it could not be written, so that the index is in memory.
        waiting: the number of files that have not been read yet.
    """

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self.folder = folder
        self.place = ""
        self.waiting = 0
        self._lock = threading.Lock()
        name = f"{blake2b(os.fsencode(folder.resolve()), digest_size=8).hexdigest()}.sqlite" if cache else FILE
        wanted = (cache or folder) / name
        try:
            if cache is not None:
                cache.mkdir(parents=True, exist_ok=True)
            self._table = self._opened(str(wanted))
            self.place = str(wanted)
        except (sqlite3.Error, OSError):
            self._table = self._opened(":memory:")

    @staticmethod
    def _opened(place: str) -> sqlite3.Connection:
        table = sqlite3.connect(place, check_same_thread=False, isolation_level=None)
        try:
            version = table.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.DatabaseError:  # not an index, or damaged; it can be built again
            table.close()
            os.unlink(place)
            table, version = sqlite3.connect(place, check_same_thread=False, isolation_level=None), 0
        table.execute("PRAGMA synchronous = OFF")
        if version != _VERSION:
            table.execute("DROP TABLE IF EXISTS traces")
            table.execute(f"PRAGMA user_version = {_VERSION}")
        columns = ", ".join(f"{each.name} {_TYPES[str(each.type)]}" for each in fields(Listed))
        table.execute(f"CREATE TABLE IF NOT EXISTS traces ({columns}, PRIMARY KEY (path)) WITHOUT ROWID")
        table.execute("BEGIN IMMEDIATE")  # raises an error if the file can be read but not written
        table.execute("COMMIT")
        return table

    def close(self) -> None:
        """Close the index."""
        with self._lock:
            self._table.close()

    def refresh(self, told: Callable[[int], object] = lambda _left: None) -> None:
        """Read new and changed files, and remove files that do not exist any more.

        Args:
            told: called with the number of files that have not been read yet.
        """
        here = dict(_files(self.folder))
        with self._lock:
            known = {
                path: (mtime, size) for path, mtime, size in self._table.execute("SELECT path, mtime, size FROM traces")
            }
        gone = [path for path in known if path not in here]
        changed = [path for path, state in here.items() if known.get(path) != state]
        self.waiting = len(changed)
        with self._lock:
            self._table.execute("BEGIN")
            self._table.executemany("DELETE FROM traces WHERE path = ?", [(path,) for path in gone])
            self._table.execute("COMMIT")
        for place in range(0, len(changed), _BATCH):
            batch = changed[place : place + _BATCH]
            rows = [row for row in (listed(self.folder, path) for path in batch) if row is not None]
            with self._lock:
                self._table.execute("BEGIN")
                marks = ", ".join("?" * len(_COLUMNS))
                self._table.executemany(f"INSERT OR REPLACE INTO traces VALUES ({marks})", map(astuple, rows))
                self._table.execute("COMMIT")
            self.waiting = max(0, len(changed) - place - len(batch))
            told(self.waiting)

    def find(
        self,
        words: str = "",
        mood: str = "",
        sort: str = "path",
        *,
        down: bool = False,
        first: int = 0,
        most: int = 100,
    ) -> tuple[int, list[Listed]]:
        """Search the traces. Return the number of traces found, and the rows of one page of them.

        Args:
            words: words that must all be in the question, the answer, the problem, the path, the model or the corpus.
            mood: the mood of the traces, as in `Listed`; any mood if empty.
            sort: the column by which the rows are sorted, one of `SORTS`.
            down: whether the largest value comes first.
            first: the number of rows before the page.
            most: the most rows of the page.
        """
        where, given = ["mood = ?" if mood in MOODS else "mood != ''"], [mood] if mood in MOODS else []
        for word in words.split()[:20]:
            where.append(
                "instr(lower(question || ' ' || answer || ' ' || problem || ' ' || path || ' ' || about), ?) > 0"
            )
            given.append(word.lower())
        condition = " AND ".join(where)
        order = f"{sort if sort in SORTS else 'path'} {'DESC' if down else 'ASC'}, path"
        with self._lock:
            (count,) = self._table.execute(f"SELECT count(*) FROM traces WHERE {condition}", given).fetchone()
            found = self._table.execute(
                f"SELECT * FROM traces WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?", [*given, most, first]
            ).fetchall()
        return int(count), [Listed(*row) for row in found]

    def totals(self) -> dict[str, int]:
        """The number of traces of each mood; that of "" is the number of files that are not traces."""
        with self._lock:
            return dict(self._table.execute("SELECT mood, count(*) FROM traces GROUP BY mood").fetchall())

    def load(self, path: str) -> Trace:
        """Load a trace of the list. Raises `TraceError` if the trace is not in the list or cannot be read."""
        with self._lock:
            known = self._table.execute("SELECT 1 FROM traces WHERE path = ? AND mood != ''", [path]).fetchone()
        if known is None:
            raise TraceError(f"there is no trace {path}")
        return Trace.load(self.folder / path)


_TYPES = {"str": "TEXT", "int": "INTEGER", "float": "REAL"}


def _files(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the files that may be traces, with time of change and size.

    Links are not followed, because they may lead out of the folder or in a circle.
    """
    open_ = [""]
    while open_:
        below = open_.pop()
        try:
            with os.scandir(folder / below) as entries:
                for entry in entries:
                    path = f"{below}/{entry.name}" if below else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        open_.append(path)
                    elif entry.name.endswith(".jsonl") and entry.is_file(follow_symlinks=False):
                        state = entry.stat(follow_symlinks=False)
                        yield path, (state.st_mtime_ns, state.st_size)
        except OSError:
            continue
