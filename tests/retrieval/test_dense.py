"""Vectors of an index: made once, kept whole, and found as brute force finds them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("faiss", reason="faiss-cpu is not installed: pip install 'pyrag_dsl[dense]'")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from pyrag_dsl.methods.corpus_tools import sentences  # noqa: E402
from pyrag_dsl.retrieval import nearest  # noqa: E402
from pyrag_dsl.retrieval.dense import DenseIndex, embed_index  # noqa: E402
from pyrag_dsl.retrieval.dense_files import MANIFEST, dense_manifest, dense_writer  # noqa: E402
from pyrag_dsl.retrieval.embedding import normalised  # noqa: E402
from pyrag_dsl.retrieval.errors import EmbeddingError, IndexStorageError  # noqa: E402
from pyrag_dsl.retrieval.index import BM25Index  # noqa: E402
from pyrag_dsl.retrieval.nearest import KINDS, Nearest, kind_for, sizes, write_shards  # noqa: E402
from pyrag_dsl.retrieval.vectors import Embedded  # noqa: E402

from .made_up import DIMENSION, MadeUp, vector_of  # noqa: E402

COUNT = 40


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    """Threads of OpenMP that wait for each other are slow where others work too."""
    nearest.faiss().omp_set_num_threads(1)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Path, BM25Index]]:
    """An index of forty passages, and its directory."""
    corpus = tmp_path / "corpus.jsonl"
    rows = [{"id": f"p{number}", "title": f"Title {number}", "text": _text(number)} for number in range(COUNT)]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with BM25Index.open(corpus, tmp_path / "index") as index:
        yield tmp_path / "index", index


def _text(number: int) -> str:
    return f"The first sentence of passage {number}. And the second one, about {number * number}! Short."


def made(home: Path, index: BM25Index, embeds: MadeUp | None = None, **options: Any) -> DenseIndex:
    embedder = (embeds or MadeUp()).embedder()
    embed_index(home, index, embedder, **options)
    return DenseIndex.open(home, index, embedder, verify=True)


def best(texts: dict[str, str], query: str, count: int) -> list[str]:
    """The names of the texts nearest to a query, by numpy."""
    rows = normalised(np.stack([vector_of(text) for text in texts.values()]).astype(np.float32))
    wanted = normalised(vector_of(query)[None].astype(np.float32))[0]
    scores = dict(zip(texts, (rows @ wanted).tolist(), strict=True))
    return sorted(texts, key=lambda name: (-round(scores[name], 6), name))[:count]


@given(
    st.integers(1, 60),
    st.integers(1, 80),
    st.sampled_from([1, 2, 3, 7]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=30, deadline=None)
def test_law_flat_search_is_brute_force(
    tmp_path_factory: pytest.TempPathFactory, count: int, wanted: int, shards: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    chance = np.random.default_rng(seed)
    rows = normalised(chance.normal(size=(count, 8)).astype(np.float32))
    queries = normalised(chance.normal(size=(3, 8)).astype(np.float32))
    cut = int(chance.integers(0, count + 1))
    names = write_shards(folder, "x", lambda: [rows[:cut], rows[cut:]], count, 8, "flat", min(shards, count))
    found = Nearest([folder / name for name in names]).search(queries, wanted)
    for hits, query in zip(found, queries, strict=True):
        scores = rows @ query
        assert [row for row, _ in hits] == list(np.argsort(-scores, kind="stable"))[:wanted]
        assert [score for _, score in hits] == pytest.approx(np.sort(scores)[::-1][:wanted].tolist(), abs=1e-5)
    shutil.rmtree(folder)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_finds_a_vector_that_is_there_and_never_a_row_that_is_not(tmp_path: Path, kind: str) -> None:
    rows = normalised(np.random.default_rng(1).normal(size=(900, 16)).astype(np.float32))
    names = write_shards(tmp_path, "x", lambda: [rows], 900, 16, kind, 2)
    found = Nearest([tmp_path / name for name in names])
    assert len(found) == 900
    hits = found.search(rows[:50], 2_000)
    assert all(0 <= row < 900 for each in hits for row, _ in each)
    assert all(len({row for row, _ in each}) == len(each) for each in hits)
    assert sum(place in [row for row, _ in each[:5]] for place, each in enumerate(hits)) >= 45
    assert found.search(rows[:1], 0) == [[]]


@pytest.mark.thorough
def test_kinds_go_by_number_and_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    assert [kind_for(count) for count in (1, 19_999, 20_000, 300_000, 300_001)] == [
        "flat",
        "flat",
        "sq8",
        "sq8",
        "hnsw",
    ]
    rows = normalised(np.random.default_rng(1).normal(size=(5_000, 32)).astype(np.float32))
    for kind in KINDS:
        names = write_shards(tmp_path, kind, lambda: [rows], 5_000, 32, kind, 1)
        size = (tmp_path / names[0]).stat().st_size
        assert sizes(5_000, 32, kind).index == pytest.approx(size, rel=0.15)


@pytest.mark.parametrize("options", [{}, {"shards": 3}])
def test_passages_and_sentences_are_found_as_numpy_finds_them(
    place: tuple[Path, BM25Index], options: dict[str, Any]
) -> None:
    home, index = place
    dense = made(home, index, split=sentences, **options)
    texts = {each.id: each.document for each in index.all()}
    for query in ("one", "another question", texts["p7"]):
        hits = dense.search(query, 7)
        assert [hit.passage.id for hit in hits] == best(texts, query, 7)
        assert all(hit.passage.document == texts[hit.passage.id] for hit in hits)
    assert dense.search(texts["p7"], 1)[0].score == pytest.approx(1, abs=1e-5)
    said = {f"{each.id} {number}": text for each in index.all() for number, text in enumerate(sentences(each.document))}
    found = dense.search_sentences("what?", 9)
    assert [f"{hit.passage.id} {hit.place}" for hit in found] == best(said, "what?", 9)
    assert dense.search_many(["one", " ", "one"], 2) == [dense.search("one", 2), [], dense.search("one", 2)]
    assert dense.search("one", 0) == []
    assert len(dense.search("one", 1_000)) == COUNT


@pytest.mark.parametrize("killed_after", [0, 3, 4, 17, 39, 55])
def test_after_a_kill_each_text_has_been_embedded_exactly_once(
    place: tuple[Path, BM25Index], killed_after: int
) -> None:
    home, index = place
    first = MadeUp(fails_after=killed_after)
    with pytest.raises(KeyboardInterrupt):
        embed_index(home, index, first.embedder(batch=1), split=sentences)
    kept = sum(path.stat().st_size // 8 for path in home.glob("embedded-*/keys"))
    assert dense_manifest(home) is None
    second = MadeUp()
    dense = made(home, index, second, split=sentences)
    texts = {each.document for each in index.all()} | {
        said for each in index.all() for said in sentences(each.document)
    }
    assert len(second.seen) == len(texts) - kept
    assert kept > killed_after - 16
    assert not set(second.seen) & set(first.seen[:kept])
    assert len(set(second.seen)) == len(second.seen)
    third = MadeUp()
    made(home, index, third, split=sentences)
    assert third.seen == []
    assert dense.search(_text(3), 3) == made(home, index, third).search(_text(3), 3)


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=12), max_size=5), st.integers(0, 60), st.integers(0, 200)
)
@settings(max_examples=40, deadline=None)
def test_law_whatever_a_kill_leaves_of_the_two_files_texts_have_their_vectors(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[list[str]], keys: int, numbers: int
) -> None:
    folder = tmp_path_factory.mktemp("embedded")
    embeds = MadeUp()
    for texts in rounds:
        embedded = Embedded(folder, DIMENSION)
        embedded.add(texts, embeds.embedder())
        wanted = [vector_of(text) for text in texts]
        found = embedded.at(embedded.places(texts))
        assert np.allclose(found, normalised(np.array(wanted).reshape(-1, DIMENSION)), atol=1e-6)
        for name, size in (("keys", keys), ("vectors", numbers)):
            with (folder / name).open("r+b") as file:
                file.truncate(min(size, (folder / name).stat().st_size))
    shutil.rmtree(folder)


def test_only_what_is_new_is_embedded_after_a_change(tmp_path: Path) -> None:
    rows = [json.dumps({"id": str(number), "text": f"passage {number}"}) for number in range(9)]
    corpus = tmp_path / "c.jsonl"
    corpus.write_text("\n".join(rows[:6]))
    home = tmp_path / "index"
    with BM25Index.open(corpus, home) as index:
        made(home, index)
    corpus.write_text("\n".join(rows[2:]))
    with BM25Index.open(corpus, home) as index:
        with pytest.raises(IndexStorageError, match="passages have changed since"):
            DenseIndex.open(home, index, MadeUp().embedder())
        embeds = MadeUp()
        dense = made(home, index, embeds)
        assert sorted(embeds.seen) == ["passage 6", "passage 7", "passage 8"]
        assert {hit.passage.id for hit in dense.search("x", 99)} == set("2345678")
        assert len(list(home.glob("dense-*"))) == 1


def test_another_model_is_refused_with_the_difference(place: tuple[Path, BM25Index]) -> None:
    home, index = place
    made(home, index)
    for about, said in (({"weights": "x"}, "weights"), ({"query_prefix": "query: "}, "prefixes")):
        with pytest.raises(IndexStorageError, match=f"of another model: .*{said}"):
            DenseIndex.open(home, index, MadeUp().embedder(**about))


def test_no_vectors_and_no_sentences_are_told_with_what_makes_them(place: tuple[Path, BM25Index]) -> None:
    home, index = place
    with pytest.raises(IndexStorageError, match=r"no vectors.*pyrag index embed"):
        DenseIndex.open(home, index, MadeUp().embedder())
    with pytest.raises(IndexStorageError, match=r"sentences have no vectors.*--sentences"):
        made(home, index).search_sentences("x", 3)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("harm", [Path.unlink, _cut, _flip])
def test_damage_to_any_file_is_found(place: tuple[Path, BM25Index], harm: Callable[[Path], None]) -> None:
    home, index = place
    embedder = MadeUp().embedder()
    embed_index(home, index, embedder, split=sentences)
    manifest = dense_manifest(home)
    assert manifest is not None
    assert len(manifest.files) == 5
    for name in manifest.files:
        whole = home.parent / "whole"
        shutil.copytree(home, whole)
        harm(whole / manifest.generation / name)
        with pytest.raises(IndexStorageError, match=f"{name}.*Make them again"):
            DenseIndex.open(whole, index, embedder, verify=True)
        shutil.rmtree(whole)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_law_a_manifest_that_others_wrote_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    home = tmp_path_factory.mktemp("home")
    row = {
        "format": 1,
        "of": "x",
        "model": dict.fromkeys(("name", "weights", "endpoint", "query_prefix", "passage_prefix"), "m")
        | {"dimension": 3},
        "engine": "faiss",
        "generation": "dense-" + "0" * 16,
        "passages": {"count": 1, "kind": "flat", "shards": ["passages-0.faiss"]},
        "files": {"passages-0.faiss": {"size": 1, "sha256": "0"}},
    }
    key = data.draw(st.sampled_from(sorted(row)))
    wrong = data.draw(st.one_of(st.none(), st.integers(), st.just("../../etc"), st.lists(st.just("../x"), max_size=2)))
    (home / MANIFEST).write_text(json.dumps({**row, key: wrong}))
    try:
        found = dense_manifest(home)
    except IndexStorageError:
        return
    assert found is not None
    assert "/" not in found.generation
    assert all("/" not in name for name in [*found.files, *found.passages.shards])


def test_two_do_not_make_vectors_at_once_and_what_fails_leaves_the_old_ones(place: tuple[Path, BM25Index]) -> None:
    home, index = place
    before = made(home, index).search("one", 3)
    with dense_writer(home), pytest.raises(IndexStorageError, match="another process"):
        embed_index(home, index, MadeUp().embedder())
    with pytest.raises(EmbeddingError, match="not finite"):
        embed_index(home, index, _Broken().embedder(weights="other"))
    assert DenseIndex.open(home, index, MadeUp().embedder(), verify=True).search("one", 3) == before
    assert len(list(home.glob("dense-*"))) == 1


class _Broken(MadeUp):
    def __call__(self, texts: list[str]) -> Any:
        return np.full((len(texts), DIMENSION), np.nan)


def test_both_builds_of_faiss_at_once_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "_installed", lambda name: name in ("faiss-cpu", "faiss-gpu"))
    with pytest.raises(EmbeddingError, match="faiss-cpu and faiss-gpu are both installed"):
        nearest.faiss()


def test_a_kind_or_number_of_shards_that_does_not_exist_is_refused(place: tuple[Path, BM25Index]) -> None:
    home, index = place
    with pytest.raises(ValueError, match="no kind 'ball'"):
        embed_index(home, index, MadeUp().embedder(), kind="ball")
    with pytest.raises(ValueError, match="shards must be at least 1"):
        embed_index(home, index, MadeUp().embedder(), shards=0)
