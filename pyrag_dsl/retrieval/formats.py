"""The formats of corpora. A function for each format reads rows from bytes or a path.

The format of a file is recognised by its content. A row is a place in the corpus (`line 3`, `row 3`, `notes/a.md`) with
the passage there, or with the reason why there is none.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from .passages import Passage, PassageFormatError, parse_passage_line, passage_of

Row = tuple[str, Passage | str]
"""The place of a row, and its passage or, as text, the reason why it has none."""

LONGEST_LINE = 16 * 1024 * 1024
"""In bytes. A longer line is skipped and reported, and is never in memory as a whole."""

CHUNK = 1_000
"""The most characters of a chunk of a text: about a paragraph."""

SUFFIXES = (".txt", ".md", ".markdown")
"""The suffixes of the files that are read from a folder."""

_BOM = b"\xef\xbb\xbf"
_A_RAG = re.compile(r"[^\s:]{1,64}:")


class UnusableError(Exception):
    """The corpus cannot be read at all. `advice` tells what to do."""

    def __init__(self, problem: str, advice: str) -> None:
        super().__init__(problem)
        self.advice = advice


def unpacked(stream: BinaryIO, head: bytes) -> BinaryIO:
    """The stream, decompressed if it begins like gzip, zstd, bzip2 or xz data.

    Raises:
        UnusableError: the data is zstd, and the library for it is missing.
    """
    if head.startswith(b"\x1f\x8b"):
        import gzip

        return cast(BinaryIO, gzip.GzipFile(fileobj=stream))
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return cast(BinaryIO, _zstd().ZstdFile(stream))
    if head.startswith(b"BZh"):
        import bz2

        return cast(BinaryIO, bz2.BZ2File(stream))
    if head.startswith(b"\xfd7zXZ\x00"):
        import lzma

        return cast(BinaryIO, lzma.LZMAFile(stream))
    return stream


def format_of(head: bytes) -> Callable[[BinaryIO], Iterator[Row]]:
    """The function that reads a file with this beginning. Raises `UnusableError` if no function can."""
    for magic, problem, advice in _REFUSED:
        if head.startswith(magic):
            raise UnusableError(problem, advice)
    if b"\x00" in head:
        raise UnusableError("it is a binary file (a NUL byte among its first 4096)", JSON_LINES)
    text = head.removeprefix(_BOM).lstrip()
    if text.startswith(b"["):
        return json_list
    header = text.split(b"\n", 1)[0].lower().split(b"\t")
    if len(header) > 1 and {b"text", b"contents"} & {name.strip() for name in header}:
        return tab_separated
    return json_lines


def json_lines(stream: BinaryIO) -> Iterator[Row]:
    """The rows of JSON Lines: one JSON object on each line."""
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = stream.readline(LONGEST_LINE)
            yield f"line {number}", f"longer than {LONGEST_LINE // (1024 * 1024)} MiB"
            continue
        if number == 1:
            line = line.removeprefix(_BOM)
        if line.strip():
            yield _row(f"line {number}", parse_passage_line, line, f"line-{number}")


def json_list(stream: BinaryIO) -> Iterator[Row]:
    """The rows of one JSON list of objects or texts.

    In the form of A-RAG, `["0:text", ...]`, each text begins with its id and a colon. Raises `UnusableError`.
    """
    try:
        items = json.loads(stream.read().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UnusableError(f"it starts like a JSON list, but is not one ({error})", JSON_LINES) from None
    if not isinstance(items, list):
        raise UnusableError("it starts like a JSON list, but is not one", JSON_LINES)
    named = bool(items) and all(isinstance(item, str) and _A_RAG.match(item) for item in items)
    if named:
        named = len({item.partition(":")[0] for item in items}) == len(items)
    for number, item in enumerate(items, 1):
        if named:
            identity, _, contents = item.partition(":")
            item = {"id": identity, "contents": contents}
        yield _row(f"item {number}", passage_of, item, f"item-{number}")


def tab_separated(stream: BinaryIO) -> Iterator[Row]:
    """The rows of a table of columns separated by tabs, with quotes as in DPR's psgs_w100.tsv.

    The first line is a header, which names a column `text` or `contents`.
    """
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE))
    rows = csv.reader(text, delimiter="\t")
    header = [name.strip().lower() for name in next(rows)]
    while True:
        number = rows.line_num + 1
        try:
            fields = next(rows)
        except StopIteration:
            text.detach()  # else the wrapper would close the stream
            return
        except csv.Error as error:
            yield f"line {number}", str(error)
            continue
        if not fields:
            continue
        if len(fields) != len(header):
            yield f"line {number}", f"{len(fields)} columns where the header has {len(header)}"
        elif any("\udc80" <= character <= "\udcff" for field in fields for character in field):
            yield f"line {number}", "not UTF-8"
        else:
            yield _row(f"line {number}", passage_of, dict(zip(header, fields, strict=True)), f"line-{number}")


def parquet(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file with a column `contents` or `text`, and perhaps `id`, `_id` and `title`.

    Raises:
        UnusableError: there is no such column, the file is damaged, or the library for it is missing.
    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise UnusableError("it is a Parquet file", "To read it: pip install 'pyrag_dsl[parquet]'") from None
    try:
        with ParquetFile(path) as file:
            wanted = [name for name in file.schema_arrow.names if name in {"id", "_id", "title", "text", "contents"}]
            if not {"text", "contents"} & set(wanted):
                names = ", ".join(file.schema_arrow.names[:8])
                raise UnusableError(f"it has no column `text` or `contents` (columns: {names})", "Rename its columns")
            number = 0
            for batch in file.iter_batches(1_024, columns=wanted):
                for record in batch.to_pylist():
                    number += 1
                    yield _row(f"row {number}", passage_of, record, f"row-{number}")
    except (ArrowException, OSError) as error:
        raise UnusableError(f"this Parquet file cannot be read ({str(error)[:200]})", "Write it again") from None


def texts(files: Iterable[tuple[str, bytes]]) -> Iterator[Row]:
    """Split text and Markdown files into chunks, each of which is a passage.

    The id of a chunk is the name of the file with the offset of the chunk in it, in characters. The title is the first
    heading of a Markdown file, or else the file name without its suffix.

    Args:
        files: pairs of name and content.

    Raises:
        UnusableError: the extra `chunks` is not installed.
    """
    try:
        from semantic_text_splitter import MarkdownSplitter, TextSplitter
    except ImportError:
        advice = "To cut its texts into passages: pip install 'pyrag_dsl[chunks]'"
        raise UnusableError("it is a folder", advice) from None
    plain, marked = TextSplitter(CHUNK), MarkdownSplitter(CHUNK)
    for name, content in files:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            yield name, f"not UTF-8: byte 0x{content[error.start]:02x} at {error.start + 1}"
            continue
        heading = None if name.endswith(".txt") else re.search(r"^#{1,6}[ \t]+(\S.*)$", text, re.MULTILINE)
        title = heading[1].strip("# \t\r") if heading else Path(name).stem
        pieces = (plain if name.endswith(".txt") else marked).chunk_indices(text)
        if not pieces:
            yield name, "the text is empty"
        for offset, piece in pieces:
            yield f"{name}#{offset}", Passage(f"{name}#{offset}", title, piece.strip())


JSON_LINES = 'Each line must be one JSON object like {"id": "1", "contents": "\\"Title\\"\\nText"}'

_REFUSED = (
    (b"PK\x03\x04", "it is a zip archive", "Unpack it first and name the file in it"),
    (b"SQLite format 3\x00", "it is an SQLite database", "Export it as JSON Lines first. " + JSON_LINES),
    (b"\xff\xfe", "it is encoded as UTF-16", "Convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)"),
    (b"\xfe\xff", "it is encoded as UTF-16", "Convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)"),
)


def _row(place: str, read: Callable[[Any, str], Passage], value: object, fallback_id: str) -> Row:
    try:
        return place, read(value, fallback_id)
    except PassageFormatError as error:
        return place, str(error)


def _zstd() -> Any:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        advice = "To read it: pip install 'pyrag_dsl[zstd]', or unpack it first (unzstd)"
        raise UnusableError("it is compressed with zstd", advice) from None
    return zstd
