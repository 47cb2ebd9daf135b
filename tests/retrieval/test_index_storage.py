"""The index on disk: kept, found again, never believed when stale or damaged, and shared by processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from pyrag_dsl.retrieval import BM25Index, IndexStorageError
from pyrag_dsl.retrieval import index as index_module
from pyrag_dsl.retrieval.generations import DamageError

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


def generations(home: Path) -> list[str]:
    return sorted(entry.name for entry in home.iterdir())


def test_built_once_and_kept_beside_the_corpus(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    index, built = opened(path)
    assert built
    assert index.path is not None
    assert index.path.parent == path.with_name("corpus.jsonl.pyrag-index")
    assert index.disk_bytes > 0
    assert index.notices == ()
    again, built = opened(path)
    assert not built
    assert (again.path, again.report, again.notices) == (index.path, index.report, ())


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
    path = corpus(ULM, BONN)
    second, built = opened(path)
    assert built
    assert len(second) == 2
    assert first.path is not None
    assert not first.path.exists()
    assert first.search("Danube", 1), "a reader keeps the index it has open"


def test_a_touched_corpus_is_hashed_once(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    opened(path)
    age(path, 5000)
    index, built = opened(path)
    assert not built
    assert index.path is not None
    manifest = json.loads((index.path / "manifest.json").read_text())
    assert manifest["corpus"]["mtime_ns"] == path.stat().st_mtime_ns


def test_rebuild_builds_in_any_case(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    opened(path)
    _, built = opened(path, rebuild=True)
    assert built


def test_one_directory_serves_corpora_of_the_same_name(tmp_path: Path, corpus: Writer) -> None:
    (tmp_path / "other").mkdir()
    first, second = corpus(ULM), corpus(ULM, BONN, name="other/corpus.jsonl")
    home = tmp_path / "deep" / "indexes"
    assert [opened(path, home)[1] for path in (first, second, first, second)] == [True, True, False, False]
    assert len(generations(home)) == 2
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


def _truncate(path: Path) -> None:
    victim = max(path.glob("*.store"))
    _replace(victim, victim.read_bytes()[:-7])


def _delete(path: Path) -> None:
    max(path.glob("*.idx")).unlink()


def _cut_manifest(path: Path) -> None:
    manifest = path / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-40])


def _empty_manifest(path: Path) -> None:
    (path / "manifest.json").write_text("")


def _no_manifest(path: Path) -> None:
    (path / "manifest.json").unlink()


def _wrong_types(path: Path) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"] = {name: [str(size), digest] for name, (size, digest) in manifest["files"].items()}
    (path / "manifest.json").write_text(json.dumps(manifest))


def _names_file(path: Path, name: str) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"][name] = [1, "0"]
    (path / "manifest.json").write_text(json.dumps(manifest))


def _foreign_names(path: Path) -> None:
    _names_file(path, "../../corpus.jsonl")


def _no_names(path: Path) -> None:
    _names_file(path, "a\0b")


def _wrong_count(path: Path) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["report"]["indexed"] = 3
    (path / "manifest.json").write_text(json.dumps(manifest))


DAMAGES = [
    _truncate,
    _delete,
    _cut_manifest,
    _empty_manifest,
    _no_manifest,
    _wrong_types,
    _foreign_names,
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
    repaired, built = opened(path)
    assert built
    assert len(repaired.notices) == 1
    assert "damaged" in repaired.notices[0]
    after, built = opened(path, verify=True)
    assert not built
    assert after.notices == ()
    assert len(generations(index.path.parent)) == 1


def test_verify_sees_changed_bytes_that_sizes_do_not_show(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    index, _ = opened(path)
    assert index.path is not None
    assert not opened(path, verify=True)[1]
    for victim in index.path.glob("*.store"):
        content = bytearray(victim.read_bytes())
        content[3] ^= 0xFF
        # A new file: changing bytes under the map of an open index would change that index too.
        victim.unlink()
        _replace(victim, content)
    repaired, built = opened(path, verify=True)
    assert built
    assert "does not have the contents" in repaired.notices[0]
    assert not opened(path, verify=True)[1]


def test_an_index_of_another_version_is_left_alone(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    index, _ = opened(path)
    assert index.path is not None
    newer = index.path.with_name("bm25-newer")
    shutil.copytree(index.path, newer)
    (newer / "manifest.json").write_text(json.dumps({"format": 999}))
    shutil.rmtree(index.path)
    again, built = opened(path)
    assert built
    assert again.notices == ()
    assert newer.is_dir()


def test_what_killed_builders_left_is_swept_after_a_day(corpus: Writer) -> None:
    path = corpus(ULM, BONN)
    home = path.with_name("corpus.jsonl.pyrag-index")
    for name, old in (("building-old", 1e6), ("dead-old", 1e6), ("building-now", 0)):
        (home / name).mkdir(parents=True)
        age(home / name, old)
    index, _ = opened(path)
    assert index.path is not None
    assert generations(home) == [index.path.name, "building-now"]


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
        for entry in (*index.path.iterdir(), index.path, index.path.parent):
            if entry.suffix == ".lock":
                entry.unlink()
            else:
                entry.chmod(0o555)
        context = multiprocessing.get_context("fork")
        results = context.Queue()
        process = context.Process(target=_read_as_nobody, args=(path, results))
        process.start()
        assert results.get(timeout=60) == (1, False, ())
        process.join()
        for entry in (index.path, index.path.parent):
            entry.chmod(0o755)


def test_a_failed_build_leaves_nothing(corpus: Writer, tmp_path: Path) -> None:
    path = corpus(*({"id": str(i), "contents": "word " * 2000} for i in range(300)))

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        BM25Index.open(path, progress=stop)
    assert os.listdir(tmp_path) == ["corpus.jsonl"]


def test_an_index_that_is_replaced_while_it_is_opened_is_not_damage(
    corpus: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = corpus(ULM, BONN)
    opened(path)
    open_generation, calls = index_module.open_generation, []

    def replaced_meanwhile(place: Path, *rest: object, **options: bool) -> object:
        calls.append(place)
        if len(calls) == 1:
            BM25Index.open(path, rebuild=True)
            raise DamageError("a file cannot be read (No such file or directory)")
        return open_generation(place, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(index_module, "open_generation", replaced_meanwhile)
    index = BM25Index.open(path)
    assert len(index) == 2
    assert index.notices == ()


def test_an_index_that_others_keep_taking_away_is_not_kept_but_serves(
    corpus: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: object, **__: object) -> None:
        raise DamageError("gone")

    monkeypatch.setattr(index_module, "open_generation", taken)
    index, built = opened(corpus(ULM, BONN))
    assert built
    assert index.path is None
    assert "other processes keep replacing the index" in index.notices[-1]


def _race(path: Path, rebuild: bool, go: Event, results: multiprocessing.Queue[object]) -> None:
    go.wait()
    index = BM25Index.open(path, rebuild=rebuild)
    results.put((len(index), [hit.passage.id for hit in index.search("number 77", 1)]))


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
