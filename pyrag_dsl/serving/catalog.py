"""The traces of a folder as a table that is sorted and searched at once: an index on disk, by SQLite.

A file is read again when its size or its time of change is another than in the index. The index can be deleted at any
time. It stands in the folder, or where it is said; where that cannot be written, it is kept in memory for this once.
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
_BATCH = 200  # files that are read before the table has them
SORTS = ("path", "started", "seconds", "calls", "tokens", "cost", "repairs", "status", "question")
MOODS = ("good", "unknown", "bad", "going")


@dataclass(frozen=True, slots=True)
class Listed:
    """A trace in the list.

    Attributes:
        path: from the folder, with `/`.
        mtime, size: of the file when it was read: nanoseconds and bytes.
        mood: "good", "unknown", "bad" or "going" (it has no end); "" for a file that is no trace.
        status: how it ended, as `RunFinished` has it.
        question, answer, problem: in a few words; `problem` is the error that ended it, or why it cannot be read.
        started: the time of day.
        seconds, calls, tokens, cost: what it took and was paid, over all levels.
        repairs: plans that were mended or written anew, and searches that were made again.
        about: the model and the corpus, where they are on record.
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
    """The row of a file; None if it is gone."""
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
    """The traces below a folder.

    Args:
        folder: where the traces are, at any depth.
        cache: a folder for the index, if it is not to stand beside the traces.

    Attributes:
        place: the file of the index; "" where it could not be written and is in memory.
        waiting: files that are still to be read.
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
        except sqlite3.DatabaseError:  # something else, or damaged: it is only an index
            table.close()
            os.unlink(place)
            table, version = sqlite3.connect(place, check_same_thread=False, isolation_level=None), 0
        table.execute("PRAGMA synchronous = OFF")
        if version != _VERSION:
            table.execute("DROP TABLE IF EXISTS traces")
            table.execute(f"PRAGMA user_version = {_VERSION}")
        columns = ", ".join(f"{each.name} {_TYPES[str(each.type)]}" for each in fields(Listed))
        table.execute(f"CREATE TABLE IF NOT EXISTS traces ({columns}, PRIMARY KEY (path)) WITHOUT ROWID")
        table.execute("BEGIN IMMEDIATE")  # a file that can be read and not written fails here
        table.execute("COMMIT")
        return table

    def close(self) -> None:
        """Let go of the index."""
        with self._lock:
            self._table.close()

    def refresh(self, told: Callable[[int], object] = lambda _left: None) -> None:
        """Read what is new or has changed since, forget what is gone. `told`: how many files are still to be read."""
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
        """How many traces there are of this kind, and some of them.

        Args:
            words: all of them stand in the question, the answer, the problem, the path or what it was made with.
            mood: see `Listed`; any if none.
            sort: one of `SORTS`.
            down: from the largest.
            first: how many are left out before.
            most: how many are given.
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
        """How many traces there are of each mood; "" stands for files that are none."""
        with self._lock:
            return dict(self._table.execute("SELECT mood, count(*) FROM traces GROUP BY mood").fetchall())

    def load(self, path: str) -> Trace:
        """A trace of the list. Raises `TraceError` where it is not in the list, or cannot be read."""
        with self._lock:
            known = self._table.execute("SELECT 1 FROM traces WHERE path = ? AND mood != ''", [path]).fetchone()
        if known is None:
            raise TraceError(f"there is no trace {path}")
        return Trace.load(self.folder / path)


_TYPES = {"str": "TEXT", "int": "INTEGER", "float": "REAL"}


def _files(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """The files that may be traces, with their states. Links are not followed: they may lead out, or in a circle."""
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
