"""The index on disk: kept, found again, never believed when stale or damaged, and shared by processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyrag_dsl.retrieval import BM25Index, IndexStorageError, lexical, storage
from pyrag_dsl.retrieval.passages import Passage
from pyrag_dsl.retrieval.storage import MANIFEST, DamageError

ULM = {"id": "1", "contents": '"Ulm"\nA city on the Danube.'}
BONN = {"id": "2", "contents": '"Bonn"\nA city on the Rhine.'}
Writer = Callable[..., Path]


class Count:
    """A progress callback that knows whether anything was built."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *_: int) -> None:
        self.calls += 1


def opened(path: Path, directory: Path | None = None, **options: bool) -> tuple[BM25Index, bool]:
    """An index, and whether it had to be built; it finds what it should in any case."""
    count = Count()
    index = BM25Index.open(path, directory, progress=count, **options)
    assert [hit.passage.id for hit in index.search("Danube", 3)] == ["1"]
    return index, count.calls > 0


def age(path: Path, seconds: float = 100) -> None:
    """Make a file look as if it had been written some time ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def generations(home: Path) -> list[Path]:
    """The directories of files in the place of an index."""
    return sorted(entry for entry in home.iterdir() if entry.is_dir())


def files_of(home: Path) -> Path:
    """The directory of the only generation."""
    (only,) = generations(home)
    return only


def found(index: BM25Index, query: str) -> list[str]:
    return [hit.passage.id for hit in index.search(query, 5)]


def test_built_once_and_kept_beside_the_corpus(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    index, built = opened(path)
    assert built
    assert index.path == path.with_name("corpus.jsonl.pyrag-index")
    assert index.disk_bytes > 0
    assert index.notices == ()
    again, built = opened(path)
    assert not built
    assert (again.path, again.report, again.notices) == (index.path, index.report, ())
    assert again.fingerprint == index.fingerprint != BM25Index.of([Passage("1", "", "x")]).fingerprint


def test_an_old_corpus_is_not_read_to_open_its_index(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    age(path)
    opened(path)
    status = path.stat()
    # Other bytes of the same number under the same time: only reading them would tell.
    path.write_bytes(path.read_bytes().replace(b"Rhine", b"Tiber"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    index, built = opened(path)
    assert not built
    assert index.search("Rhine", 1)


def test_a_corpus_as_young_as_its_index_is_read(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    opened(path)
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"Rhine", b"Tiber"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    index, built = opened(path)
    assert built
    assert index.search("Tiber", 1)


def test_a_changed_corpus_is_indexed_anew_and_the_old_index_goes(corpus: Writer) -> None:
    path = corpus(ULM)
    first, _ = opened(path)
    assert first.path is not None
    before = files_of(first.path)
    path = corpus(ULM, BONN)
    second, built = opened(path)
    assert built
    assert len(second) == 2
    assert not before.exists()
    assert first.search("Danube", 1), "a reader keeps the index it has open"


def test_a_touched_corpus_is_hashed_once(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    opened(path)
    age(path, 5000)
    index, built = opened(path)
    assert not built
    assert index.path is not None
    manifest = json.loads((index.path / MANIFEST).read_text())
    assert manifest["corpus"]["mtime_ns"] == path.stat().st_mtime_ns


def test_rebuild_builds_in_any_case(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    opened(path)
    _, built = opened(path, rebuild=True)
    assert built


def test_a_directory_holds_one_index_and_says_whose(tmp_path: Path, corpus: Writer) -> None:
    (tmp_path / "other").mkdir()
    first, second = corpus(ULM), corpus(ULM, BONN, name="other/corpus.jsonl")
    home = tmp_path / "deep" / "index"
    assert [opened(path, home)[1] for path in (first, first)] == [True, False]
    with pytest.raises(IndexStorageError, match=r"it holds the index of .*corpus\.jsonl\. Name another"):
        BM25Index.open(second, home)
    assert opened(second, home, rebuild=True)[1]
    assert not first.with_name("corpus.jsonl.pyrag-index").exists()


def test_a_copied_corpus_uses_the_index_of_the_original(tmp_path: Path, corpus: Writer) -> None:
    path, home = corpus(ULM, BONN), tmp_path / "indexes"
    opened(path, home)
    copy = tmp_path / "copy.jsonl"
    shutil.copyfile(path, copy)
    assert not opened(copy, home)[1]


def _replace(victim: Path, content: bytes) -> None:
    """Damage by a new file: whoever has the old one mapped must not be hit by SIGBUS."""
    other = victim.with_suffix(".other")
    other.write_bytes(content)
    other.replace(victim)


def _truncate(home: Path) -> None:
    victim = max(files_of(home).glob("*.store"))
    _replace(victim, victim.read_bytes()[:-7])


def _delete(home: Path) -> None:
    max(files_of(home).glob("*.idx")).unlink()


def _cut_manifest(home: Path) -> None:
    manifest = home / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:-40])


def _empty_manifest(home: Path) -> None:
    (home / MANIFEST).write_text("")


def _another_version(home: Path) -> None:
    (home / MANIFEST).write_text(json.dumps({"format": 999}))


def _edit(home: Path, **changes: object) -> None:
    manifest = json.loads((home / MANIFEST).read_text())
    (home / MANIFEST).write_text(json.dumps({**manifest, **changes}))


def _wrong_types(home: Path) -> None:
    _edit(home, passages="2")


def _foreign_names(home: Path) -> None:
    _edit(home, files={"../../corpus.jsonl": [1, "0"]})


def _no_names(home: Path) -> None:
    _edit(home, files={"a\0b": [1, "0"]})


def _foreign_generation(home: Path) -> None:
    _edit(home, generation="..")


def _wrong_count(home: Path) -> None:
    _edit(home, passages=3)


DAMAGES = [
    _truncate,
    _delete,
    _cut_manifest,
    _empty_manifest,
    _another_version,
    _wrong_types,
    _foreign_names,
    _foreign_generation,
    _no_names,
    _wrong_count,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_seen_told_and_repaired(corpus: Writer, damage: Callable[[Path], None]) -> None:
    path = corpus(ULM, BONN)
    index, _ = opened(path)
    assert index.path is not None
    index.close()
    damage(index.path)
    with pytest.raises(IndexStorageError, match="damaged"):
        BM25Index.load(index.path)
    repaired, built = opened(path)
    assert built
    assert len(repaired.notices) == 1
    assert "damaged" in repaired.notices[0]
    after, built = opened(path, verify=True)
    assert not built
    assert after.notices == ()
    assert len(generations(index.path)) == 1


def test_verify_sees_changed_bytes_that_sizes_do_not_show(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    index, _ = opened(path)
    assert index.path is not None
    assert not opened(path, verify=True)[1]
    for victim in files_of(index.path).glob("*.store"):
        content = bytearray(victim.read_bytes())
        content[3] ^= 0xFF
        # A new file: changing bytes under the map of an open index would change that index too.
        victim.unlink()
        _replace(victim, content)
    repaired, built = opened(path, verify=True)
    assert built
    assert "has changed since it was written" in repaired.notices[0]
    assert not opened(path, verify=True)[1]


def test_an_index_of_another_engine_is_named_and_built_anew(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    home = path.with_name("corpus.jsonl.pyrag-index")
    opened(path)
    _edit(home, engine="tantivy 0.1")
    with pytest.raises(IndexStorageError, match=r"it was written by tantivy 0\.1, and this is tantivy"):
        BM25Index.load(home)
    assert opened(path)[1]
    assert not opened(path)[1]


def test_what_killed_builders_left_is_swept_and_what_is_not_ours_stays(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    home = path.with_name("corpus.jsonl.pyrag-index")
    for name in ("building-0123456789abcdef", "lexical-0123456789abcdef", "lexical-notes", "dense"):
        (home / name).mkdir(parents=True)
    opened(path)
    (ours,) = [each for each in generations(home) if each.name not in {"dense", "lexical-notes"}]
    assert ours.name.startswith("lexical-")
    assert ours.name != "lexical-0123456789abcdef"


def test_a_cache_that_cannot_be_written_costs_a_notice(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    # A file where the directory should be stops every user, root too.
    path.with_name("corpus.jsonl.pyrag-index").write_text("in the way")
    index, built = opened(path)
    assert built
    assert index.path is None
    assert index.disk_bytes == 0
    assert len(index.notices) == 1
    assert "is not kept" in index.notices[0]
    index.close()


def test_without_any_room_the_index_is_held_in_memory(corpus: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    path = corpus(ULM, "oops", BONN)
    path.with_name("corpus.jsonl.pyrag-index").write_text("in the way")
    monkeypatch.setattr("tempfile.tempdir", str(path / "no" / "such"))
    index, _ = opened(path)
    assert index.report.skipped_count == 1
    assert "held in memory" in index.notices[1]


def test_a_directory_asked_for_must_be_writable(corpus: Writer, tmp_path: Path) -> None:
    path = corpus(ULM, BONN)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IndexStorageError, match="cannot be written there") as caught:
        BM25Index.open(path, tmp_path / "file" / "indexes")
    assert caught.value.path == tmp_path / "file" / "indexes"


def _read_as_nobody(path: Path, results: multiprocessing.Queue[object]) -> None:
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    index, built = opened(path)
    results.put((len(index), built, index.notices))


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="file permissions of POSIX")
def test_a_read_only_index_is_used_where_it_lies() -> None:
    # pytest's own directories are closed to other users, so this one is made apart.
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        path = Path(place) / "corpus.jsonl"
        path.write_text(json.dumps(ULM) + "\n")
        index, _ = opened(path)
        assert index.path is not None
        for entry in sorted(index.path.rglob("*"), reverse=True):
            if entry.suffix == ".lock":
                entry.unlink()
            else:
                entry.chmod(0o555)
        index.path.chmod(0o555)
        Path(place).chmod(0o555)
        context = multiprocessing.get_context("fork")
        results = context.Queue()
        process = context.Process(target=_read_as_nobody, args=(path, results))
        process.start()
        assert results.get(timeout=60) == (1, False, ())
        process.join()
        for entry in (Path(place), index.path, files_of(index.path)):
            entry.chmod(0o755)


def test_a_failed_build_leaves_nothing(corpus: Writer, tmp_path: Path) -> None:
    path = corpus(*({"id": str(i), "contents": "word " * 2000} for i in range(300)))

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        BM25Index.open(path, progress=stop)
    assert os.listdir(tmp_path) == ["corpus.jsonl"]


@pytest.mark.parametrize("load", [False, True])
def test_an_index_that_is_replaced_while_it_is_opened_is_not_damage(
    corpus: Writer, monkeypatch: pytest.MonkeyPatch, load: bool
) -> None:
    path = corpus(ULM, BONN)
    home = path.with_name("corpus.jsonl.pyrag-index")
    opened(path)
    open_generation, calls = storage.open_generation, []

    def replaced_meanwhile(place: Path, manifest: storage.Manifest, **options: bool) -> object:
        calls.append(place)
        if len(calls) == 1:
            BM25Index.open(path, rebuild=True)
            raise DamageError("a file cannot be read (No such file or directory)")
        return open_generation(place, manifest, **options)

    monkeypatch.setattr(storage, "open_generation", replaced_meanwhile)
    index = BM25Index.load(home) if load else BM25Index.open(path)
    assert len(index) == 2
    assert index.notices == ()


def _race(path: Path, rebuild: bool, go: Event, results: multiprocessing.Queue[object]) -> None:
    go.wait()
    index = BM25Index.open(path, rebuild=rebuild)
    results.put((len(index), [hit.passage.id for hit in index.search("number 77", 1)]))


@pytest.mark.thorough
@pytest.mark.parametrize("rebuild", [False, True])
@pytest.mark.parametrize("damaged", [False, True])
def test_processes_that_build_at_once_all_end_well(corpus: Writer, rebuild: bool, damaged: bool) -> None:
    path = corpus(*({"id": str(i), "contents": f'"Number {i}"\nThe number {i}.'} for i in range(500)))
    if damaged:
        index = BM25Index.open(path)
        assert index.path is not None
        _truncate(index.path)
    context = multiprocessing.get_context("spawn")
    go, results = context.Event(), context.Queue()
    processes = [context.Process(target=_race, args=(path, rebuild, go, results)) for _ in range(6)]
    for process in processes:
        process.start()
    go.set()
    answers = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(timeout=60)
    assert answers == [(500, ["77"])] * 6
    assert [process.exitcode for process in processes] == [0] * 6
    home = path.with_name("corpus.jsonl.pyrag-index")
    assert len(generations(home)) == 1
    assert BM25Index.open(path, verify=True).notices == ()


def test_of_two_that_write_at_once_one_is_told(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    home = path.with_name("corpus.jsonl.pyrag-index")
    opened(path)
    with storage.locked(home, wait=False):
        for attempt in (
            lambda: BM25Index.open(path, rebuild=True, wait=False),
            lambda: BM25Index.add(home, [Passage("3", "Koeln", "A city.")], wait=False),
            lambda: BM25Index.delete(home, ["1"], wait=False),
        ):
            with pytest.raises(IndexStorageError, match="another process is building this index"):
                attempt()
    assert not opened(path)[1]


def test_passages_are_added_replaced_and_deleted(corpus: Writer, tmp_path: Path) -> None:
    path, home = corpus(ULM, BONN), tmp_path / "index"
    before, _ = opened(path, home)
    after = BM25Index.add(home, [Passage("3", "Koeln", "On the Rhine."), Passage("2", "Bonn", "A town on the Rhine.")])
    assert sorted(found(after, "Rhine")) == ["2", "3"]
    assert found(after, "town") == ["2"]
    assert len(after) == 3
    assert found(before, "Rhine") == ["2"], "an open index is what it was"
    assert after.fingerprint != before.fingerprint
    less = BM25Index.delete(home, ["1", "no such"])
    assert (len(less), found(less, "Danube"), less.passages(["1", "3"])[0]) == (2, [], None)
    assert len(generations(home)) == 1
    assert BM25Index.load(home, verify=True).fingerprint == less.fingerprint
    # The corpus is as it was, so the index with its changes is taken for it; when it is another one nothing is lost.
    assert len(BM25Index.open(path, home)) == 2
    corpus(ULM)
    with pytest.raises(IndexStorageError, match="added or deleted by hand"):
        BM25Index.open(path, home)
    assert len(BM25Index.open(path, home, rebuild=True)) == 1


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 9), max_size=4)), max_size=4))
def test_law_changes_end_where_a_dictionary_does(changes: list[tuple[bool, list[int]]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "corpus.jsonl"
        path.write_text(json.dumps({"id": "0", "contents": "word first"}) + "\n")
        index = BM25Index.open(path)
        assert index.path is not None
        expected = {"0": "word first"}
        for number, (add, ids) in enumerate(changes):
            if add:
                rows = [Passage(str(each), "", f"word c{number}x{turn}") for turn, each in enumerate(ids)]
                index = BM25Index.add(index.path, rows)
                expected.update({row.id: row.text for row in rows})
            else:
                index = BM25Index.delete(index.path, map(str, ids))
                expected = {key: text for key, text in expected.items() if int(key) not in ids}
            assert index.path is not None
        hits = index.search("word", 50)
        assert {hit.passage.id: hit.passage.text for hit in hits} == expected
        assert len(hits) == len(index) == len(expected)


def _commits(path: Path, at: int) -> None:
    """Add to an index, and be killed at the `at`-th step of what is written."""
    steps = 0

    def counted(step: Callable[..., object]) -> Callable[..., object]:
        def taken(*given: object, **named: object) -> object:
            nonlocal steps
            steps += 1
            if steps == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*given, **named)

        return taken

    for name in ("sync", "_write", "copied", "discard", "_sweep"):
        setattr(storage, name, counted(getattr(storage, name)))
    lexical._add = counted(lexical._add)  # type: ignore[assignment]
    Path.rename = counted(Path.rename)  # type: ignore[method-assign,assignment]
    Path.replace = counted(Path.replace)  # type: ignore[method-assign,assignment]
    BM25Index.add(path, [Passage("3", "Koeln", "On the Rhine."), Passage("4", "Mainz", "On the Rhine.")])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of POSIX")
def test_a_process_killed_at_any_step_leaves_the_old_index_or_the_new_one(corpus: Writer, tmp_path: Path) -> None:
    path, home = corpus(ULM, BONN), tmp_path / "index"
    opened(path, home)
    context = multiprocessing.get_context("fork")
    ends, sizes = [], []
    for at in range(1, 60):
        process = context.Process(target=_commits, args=(home, at))
        process.start()
        process.join(timeout=60)
        ends.append(process.exitcode)
        index = BM25Index.load(home, verify=True)
        sizes.append(len(index))
        assert (found(index, "Mainz"), found(index, "Koeln")) in (([], []), (["4"], ["3"]))
        if process.exitcode == 0:
            break
        if len(index) == 4:
            BM25Index.delete(home, ["3", "4"])
    assert set(ends[:-1]) == {-signal.SIGKILL}
    assert (ends[-1], set(sizes)) == (0, {2, 4})
    assert len(generations(home)) == 1


def test_a_build_that_was_killed_goes_on(corpus: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = corpus(*({"id": str(i), "contents": f'"Number {i}"\nThe number {i}.'} for i in range(50)))
    home = tmp_path / "index"
    monkeypatch.setattr(lexical, "COMMIT_EVERY", 10)
    added: list[str] = []
    add = lexical._add

    def killed(*given: Any) -> None:
        if len(added) == 25:
            raise SystemExit
        added.append(given[1].id)
        add(*given)

    monkeypatch.setattr(lexical, "_add", killed)
    monkeypatch.setattr(storage, "discard", lambda _: None)  # as if there had been no time for that
    with pytest.raises(SystemExit):
        BM25Index.open(path, home)
    monkeypatch.undo()
    assert [each.name.partition("-")[0] for each in generations(home)] == ["building"]
    monkeypatch.setattr(lexical, "_add", lambda *given: (added.append(given[1].id), add(*given)))
    index = BM25Index.open(path, home)
    # tantivy commits what it was given: the five that came after the last commit are done again at most.
    assert 50 <= len(added) <= 55
    assert len(index) == 50
    assert found(index, "number 49")[0] == "49"
    assert sorted(row.id for row in index.passages([str(i) for i in range(50)]) if row) == sorted(map(str, range(50)))
    assert len(generations(home)) == 1


def _with_little_room(home: Path, path: Path, limit: int, results: multiprocessing.Queue[object]) -> None:
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    said = []
    more = [Passage(f"m{i}", "", " ".join(f"m{i}x{k}" for k in range(300))) for i in range(200)]
    for attempt in (lambda: BM25Index.open(path, home, rebuild=True), lambda: BM25Index.add(home, more)):
        try:
            attempt()
            said.append("no error")
        except IndexStorageError as error:
            said.append(str(error))
    results.put(said)


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="limits of POSIX")
@pytest.mark.parametrize("limit", [0, 1000, 40_000])
def test_a_disk_that_is_full_is_said_and_the_old_index_stays(corpus: Writer, tmp_path: Path, limit: int) -> None:
    rows = [{"id": str(i), "contents": f"w{i} " + " ".join(f"n{i}x{k}" for k in range(300))} for i in range(300)]
    path, home = corpus(ULM, *rows), tmp_path / "index"
    before, _ = opened(path, home)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    process = context.Process(target=_with_little_room, args=(home, path, limit, results))
    process.start()
    said = results.get(timeout=60)
    process.join(timeout=60)
    assert [("cannot be" in each, each.startswith(f"{home}: ")) for each in said] == [(True, True)] * 2, said
    after = BM25Index.load(home, verify=True)
    assert (len(after), after.fingerprint) == (301, before.fingerprint)
    assert len(generations(home)) == 1


def test_an_index_that_is_cut_anywhere_is_refused_when_it_is_opened(corpus: Writer, tmp_path: Path) -> None:
    path, home = corpus(ULM, BONN), tmp_path / "index"
    opened(path, home)
    for victim in (home / MANIFEST, *sorted(files_of(home).iterdir())):
        whole = victim.read_bytes()
        if victim.suffix == ".lock":
            continue
        for size in {0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 1} - {len(whole)}:
            _replace(victim, whole[:size])
            with pytest.raises(IndexStorageError, match="the index is damaged"):
                BM25Index.load(home)
        _replace(victim, whole)
        victim.unlink()
        with pytest.raises(IndexStorageError, match=r"the index is damaged|there is no index"):
            BM25Index.load(home)
        _replace(victim, whole)
    assert len(BM25Index.load(home, verify=True)) == 2
