"""BM25 over a tantivy index: the analysers, the schema, writing to an index, and searching it.

A query never goes through the query parser of tantivy, which raises on a quotation mark and reads some queries as
"match everything". Instead, the analyser of the index splits the text into terms, and a query is made of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tantivy

from .passages import Hit, Passage, well_formed

ENGINE = f"tantivy {version('tantivy')}"
TOKENIZER = "simple, at most 60 characters, lower case, ASCII, stop words 1 (text only), English stems"
"""The identity of the analysers. It must change when they change, so that old indexes are built again."""

TITLE_BOOST = 0.4
"""The weight of a term in the title, where a term in the text has 1.0; chosen with benchmarks/retrieval.py."""

STOP_WORDS = """
    a about also an and are as at be been but by did do does for from had has have he her his how i if in
    into is it its me my no not of on or our s she such than that the their them then there these they this
    to us was we were what when where which who whom whose why will with you your
"""
"""Function words and question words. The tokenizer makes `s` from possessives: "Ulm's" becomes `ulm` and `s`."""

_QUERY_CHARACTERS = 20_000
_QUERY_TERMS = 128
_GRADES = 10_000  # scores are compared in units of 1 / _GRADES, the grades
_TIES = 2  # extra hits that a search reads, to find equal scores; each makes it a little slower
_MOST_TIES = 1024
_IDS_AT_ONCE = 64
_PAGE = 500_000  # addresses of passages that are in memory together while all passages are read
COMMIT_EVERY = 250_000
"""The number of passages between commits. A build that was killed continues after its last commit."""

_HEAP_PER_THREAD = 64_000_000
_SMALLEST_HEAP = 15_000_000
"""In bytes. tantivy refuses less."""


class EngineError(Exception):
    """tantivy could not write, open or read an index: no space, no permission, or damage."""


class _EngineErrors:
    """A context in which errors of tantivy become `EngineError`. A class is faster than a generator in each search."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (ValueError, OSError)):
            raise EngineError(str(error)) from error
        # A panic in Rust, which a damaged index can cause, derives from BaseException and has no type to import.
        if error is not None and type(error).__name__ == "PanicException":
            raise EngineError(f"the index library failed: {error}") from error


_engine_errors = _EngineErrors()


def _analyser(*, stop_words: bool) -> Any:
    builder = (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(60))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
    )
    if stop_words:
        builder = builder.filter(tantivy.Filter.custom_stopword(STOP_WORDS.split()))
    return builder.filter(tantivy.Filter.stemmer("english")).build()


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("title", stored=True, tokenizer_name="pyrag_title", index_option="freq")
    builder.add_text_field("text", stored=True, tokenizer_name="pyrag_text", index_option="freq")
    # The field is signed, as the integers of Document are: with an unsigned field the thread of the writer would die.
    builder.add_integer_field("ordinal", stored=True)
    return builder.build()


def write_index(passages: Iterable[Passage], directory: Path | None, *, threads: int = 1, small: bool = False) -> Any:
    """Build a tantivy index of the passages.

    If a process was killed while it wrote an index of the same passages to the directory, the build continues there.

    Args:
        passages: the passages. Errors that this iterable raises are raised as they are.
        directory: where to write the index; None for an index in memory.
        threads: the number of threads. With one thread, the same passages give exactly the same scores; more threads
            are faster.
        small: whether the writer has the smallest heap that tantivy accepts.

    Returns:
        The tantivy index.

    Raises:
        EngineError: the index cannot be written.
    """
    index, done = _begun(directory)
    with _written(index, _SMALLEST_HEAP if small else threads * _HEAP_PER_THREAD, threads) as writer:
        for ordinal, passage in enumerate(passages):
            if ordinal < done:
                continue
            _add(writer, passage, ordinal)
            if (ordinal + 1) % COMMIT_EVERY == 0:
                with _engine_errors:
                    writer.commit()
    return index


def change_index(directory: Path, added: Iterable[Passage], deleted: Iterable[str], ordinal: int) -> Any:
    """Delete passages from the index in a directory, and add others.

    Args:
        directory: the directory.
        added: the passages to add. Each replaces the passage with its id. Errors of this iterable are raised as they
            are.
        deleted: the ids of the passages to delete.
        ordinal: the ordinal of the first passage that is added.

    Returns:
        The tantivy index.

    Raises:
        EngineError: the index cannot be read or written.
    """
    with _engine_errors:
        index = tantivy.Index.open(str(directory))
    with _written(index, _HEAP_PER_THREAD, 1) as writer:
        for each in deleted:
            with _engine_errors:
                writer.delete_documents_by_term("id", each)
        for place, passage in enumerate(added, ordinal):
            with _engine_errors:
                writer.delete_documents_by_term("id", passage.id)
            _add(writer, passage, place)
    return index


def _begun(directory: Path | None) -> tuple[Any, int]:
    """An index to write to, and the number of passages that are committed in it."""
    if directory is None:
        return tantivy.Index(_schema()), 0
    with _engine_errors:
        if not tantivy.Index.exists(str(directory)):
            return tantivy.Index(_schema(), str(directory)), 0
        try:
            index = tantivy.Index.open(str(directory))
            return index, int(index.searcher().num_docs)
        except ValueError:  # the killed process left files that cannot be used
            for each in directory.iterdir():
                each.unlink()
            return tantivy.Index(_schema(), str(directory)), 0


@contextmanager
def _written(index: Any, heap: int, threads: int) -> Iterator[Any]:
    """A context with a writer of the index, which is committed at the end."""
    with _engine_errors:
        index.register_tokenizer("pyrag_title", _analyser(stop_words=False))
        index.register_tokenizer("pyrag_text", _analyser(stop_words=True))
        writer = index.writer(heap, threads)
    try:
        yield writer
        with _engine_errors:
            writer.commit()
    finally:
        # Also after a failure, because the directory can be deleted only when no thread writes to it any more.
        with _engine_errors:
            writer.wait_merging_threads()
    with _engine_errors:
        index.reload()


def _add(writer: Any, passage: Passage, ordinal: int) -> None:
    with _engine_errors:
        writer.add_document(tantivy.Document(id=passage.id, title=passage.title, text=passage.text, ordinal=ordinal))


class LexicalSearcher:
    """Searches one open index by queries in natural language. It is thread-safe."""

    def __init__(self, index: Any) -> None:
        with _engine_errors:
            self._schema = index.schema
            self._searcher = index.searcher()
        self._terms_of = _analyser(stop_words=True)
        self._words_of = _analyser(stop_words=False)

    @classmethod
    def open(cls, directory: Path) -> LexicalSearcher:
        """Open the index in a directory. Raises `EngineError` if it holds none that can be read."""
        with _engine_errors:
            index = tantivy.Index.open(str(directory))
            # By default, a thread polls meta.json for changes. The files of an open index never change here.
            index.config_reader("manual")
            index.reload()
        return cls(index)

    @property
    def size(self) -> int:
        """The number of passages."""
        return int(self._searcher.num_docs)

    def search(self, query: str, topk: int) -> list[Hit]:
        """At most `topk` hits, best first; equal scores in the order of the corpus.

        Only the first 20,000 characters and the first 128 different terms of a query count. Raises `EngineError`.
        """
        topk = min(topk, self.size)
        if topk < 1:
            return []
        with _engine_errors:
            wanted = self._query(well_formed(query[:_QUERY_CHARACTERS]))
            if wanted is None:
                return []
            found = self._ranked(wanted, topk)
            document_at = self._searcher.doc
            rows = [(score, document_at(address)) for score, address in found]
        # Tantivy defines neither the order of hits with equal scores, nor the order in which it adds the parts of a
        # score. So scores are compared as whole numbers, the grades, and hits of one grade are in the order of the
        # corpus.
        grades = [int(score * _GRADES) for score, _ in rows]
        if len(set(grades)) < len(grades):
            rows.sort(key=lambda row: (-int(row[0] * _GRADES), row[1].get_first("ordinal")))
        return [Hit(_passage(document), score) for score, document in rows[:topk]]

    def passages(self, ids: Sequence[str]) -> list[Passage | None]:
        """The passage of each id; None for an id that the index does not hold. Raises `EngineError`."""
        known: dict[str, Passage] = {}
        wanted = [well_formed(each) for each in ids]
        for start in range(0, len(wanted), _IDS_AT_ONCE):
            some = wanted[start : start + _IDS_AT_ONCE]
            clauses = [
                (tantivy.Occur.Should, tantivy.Query.term_query(self._schema, "id", each, "basic")) for each in some
            ]
            with _engine_errors:
                hits = self._searcher.search(tantivy.Query.boolean_query(clauses), len(some), count=False).hits
                found = [_passage(self._searcher.doc(address)) for _, address in hits]
            known.update((each.id, each) for each in found)
        return [known.get(each) for each in wanted]

    def all(self) -> Iterator[Passage]:
        """All passages, always in the same order. Raises `EngineError`."""
        for start in range(0, self.size, _PAGE):
            with _engine_errors:
                found = self._searcher.search(tantivy.Query.all_query(), _PAGE, count=False, offset=start).hits
            for _, address in found:
                with _engine_errors:
                    passage = _passage(self._searcher.doc(address))
                yield passage

    def _ranked(self, query: Any, topk: int) -> list[tuple[float, Any]]:
        """The best hits, with all further hits of the same grade as the last of them, up to `_MOST_TIES`."""
        limit = topk + _TIES
        while True:
            hits: list[tuple[float, Any]] = self._searcher.search(query, limit, count=False).hits
            if len(hits) <= topk:
                return hits
            cut = int(hits[topk - 1][0] * _GRADES)
            if len(hits) < limit or int(hits[-1][0] * _GRADES) < cut or limit >= topk + _MOST_TIES:
                while int(hits[-1][0] * _GRADES) < cut:
                    hits.pop()
                return hits
            limit = topk + 4 * (limit - topk)

    def _query(self, text: str) -> Any | None:
        counts = Counter(self._terms_of.analyze(text))
        weights = {"text": 1.0, "title": TITLE_BOOST}
        if not counts:
            # The query has only stop words. It may be a title, such as "The Who" or "It": titles keep all words.
            counts = Counter(self._words_of.analyze(text))
            weights = {"title": 1.0}
        clauses = [
            (tantivy.Occur.Should, self._clause(field, term, weight * count))
            for term, count in list(counts.items())[:_QUERY_TERMS]
            for field, weight in weights.items()
        ]
        return tantivy.Query.boolean_query(clauses) if clauses else None

    def _clause(self, field: str, term: str, weight: float) -> Any:
        query = tantivy.Query.term_query(self._schema, field, term, "freq")
        return query if weight == 1.0 else tantivy.Query.boost_query(query, weight)


def _passage(document: Any) -> Passage:
    first = document.get_first
    return Passage(first("id"), first("title") or "", first("text") or "")
