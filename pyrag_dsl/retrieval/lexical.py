"""BM25 over a tantivy index: the analysis of text, the schema, filling an index, and asking it questions.

A question is never given to tantivy's query parser, which raises on a quotation mark and takes some
questions for "match everything": it is analysed by the analyser that the index was built with, and a query
is made of the terms.
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
"""What is done to text; whoever changes the analysers changes this too, and old indexes are built anew."""

TITLE_BOOST = 0.4
"""Weight of a term in the title against the text's 1.0; chosen with benchmarks/retrieval.py."""

STOP_WORDS = """
    a about also an and are as at be been but by did do does for from had has have he her his how i if in
    into is it its me my no not of on or our s she such than that the their them then there these they this
    to us was we were what when where which who whom whose why will with you your
"""
"""Function words, and the words that only make a question; `s` is what the possessive leaves."""

_QUERY_CHARACTERS = 20_000
_QUERY_TERMS = 128
_GRADES = 10_000  # of a score of one: what is of the same grade is equal
_TIES = 2  # hits looked at beyond those wanted; each makes the search a little slower
_MOST_TIES = 1024
_IDS_AT_ONCE = 64
_PAGE = 500_000  # passages whose addresses are held at once, where all are read
COMMIT_EVERY = 250_000
"""Passages after which a build that is killed need not be done again."""

_HEAP_PER_THREAD = 64_000_000
_SMALLEST_HEAP = 15_000_000
"""Bytes; tantivy refuses less."""


class EngineError(Exception):
    """tantivy could not write, open or read an index: no space, no permission, or damage."""


class _EngineErrors:
    """What tantivy raises inside is raised as an EngineError. A class, since each search enters it."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (ValueError, OSError)):
            raise EngineError(str(error)) from error
        # A panic in Rust, which damage can cause, derives from BaseException and has no type that can be
        # imported.
        if error is not None and type(error).__name__ == "PanicException":
            raise EngineError(f"the index library gave up: {error}") from error


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
    # Signed: given an unsigned field, the writer's thread dies of the integers that Document makes.
    builder.add_integer_field("ordinal", stored=True)
    return builder.build()


def write_index(passages: Iterable[Passage], directory: Path | None, *, threads: int = 1, small: bool = False) -> Any:
    """A tantivy index of the passages, in `directory` or, for None, in memory.

    A directory in which a process was killed that wrote the index of the same passages is gone on with. With one thread
    the same passages give the same scores bit for bit; more are faster. Raises EngineError; what `passages` raises
    while it is read passes through.
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
    """Delete passages by their ids from the index in a directory, and add others; one of the same id is replaced.

    `ordinal`: that of the first that is added. Raises EngineError; what `added` raises passes through.
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
    """An index to write to, and how many passages have been committed to it."""
    if directory is None:
        return tantivy.Index(_schema()), 0
    with _engine_errors:
        if not tantivy.Index.exists(str(directory)):
            return tantivy.Index(_schema(), str(directory)), 0
        try:
            index = tantivy.Index.open(str(directory))
            return index, int(index.searcher().num_docs)
        except ValueError:  # what was left cannot be used
            for each in directory.iterdir():
                each.unlink()
            return tantivy.Index(_schema(), str(directory)), 0


@contextmanager
def _written(index: Any, heap: int, threads: int) -> Iterator[Any]:
    """A writer to an index, committed at the end."""
    with _engine_errors:
        index.register_tokenizer("pyrag_title", _analyser(stop_words=False))
        index.register_tokenizer("pyrag_text", _analyser(stop_words=True))
        writer = index.writer(heap, threads)
    try:
        yield writer
        with _engine_errors:
            writer.commit()
    finally:
        # Also after a failure: its threads must have written their last before the directory can be deleted.
        with _engine_errors:
            writer.wait_merging_threads()
    with _engine_errors:
        index.reload()


def _add(writer: Any, passage: Passage, ordinal: int) -> None:
    with _engine_errors:
        writer.add_document(tantivy.Document(id=passage.id, title=passage.title, text=passage.text, ordinal=ordinal))


class LexicalSearcher:
    """Questions in plain words to one open index, from any number of threads."""

    def __init__(self, index: Any) -> None:
        with _engine_errors:
            self._schema = index.schema
            self._searcher = index.searcher()
        self._terms_of = _analyser(stop_words=True)
        self._words_of = _analyser(stop_words=False)

    @classmethod
    def open(cls, directory: Path) -> LexicalSearcher:
        """The index in a directory; EngineError where there is none that can be read."""
        with _engine_errors:
            index = tantivy.Index.open(str(directory))
            # The default policy polls meta.json from a thread of its own; an index of ours never changes in
            # place.
            index.config_reader("manual")
            index.reload()
        return cls(index)

    @property
    def size(self) -> int:
        """The number of passages."""
        return int(self._searcher.num_docs)

    def search(self, query: str, topk: int) -> list[Hit]:
        """At most `topk` hits, best first, equal scores in the order of the corpus.

        The first 20,000 characters and the first 128 different terms of a query count. Raises EngineError.
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
        # Tantivy does not define which of two equals comes first, nor in which order the parts of a score are added. So
        # scores are compared as whole numbers of grades, and equals stand in the order of the corpus.
        grades = [int(score * _GRADES) for score, _ in rows]
        if len(set(grades)) < len(grades):
            rows.sort(key=lambda row: (-int(row[0] * _GRADES), row[1].get_first("ordinal")))
        return [Hit(_passage(document), score) for score, document in rows[:topk]]

    def passages(self, ids: Sequence[str]) -> list[Passage | None]:
        """The passages of these ids, None for those that there are not. Raises EngineError."""
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
        """Every passage, always in the same order. Raises EngineError."""
        for start in range(0, self.size, _PAGE):
            with _engine_errors:
                found = self._searcher.search(tantivy.Query.all_query(), _PAGE, count=False, offset=start).hits
            for _, address in found:
                with _engine_errors:
                    passage = _passage(self._searcher.doc(address))
                yield passage

    def _ranked(self, query: Any, topk: int) -> list[tuple[float, Any]]:
        """The best hits, and all whose scores equal that of the last."""
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
            # Nothing but stop words: there are titles such as "The Who" and "It", and titles keep all their
            # words.
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
