"""What a line of a corpus, or a document in a server's reply, is read as."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrag_dsl.retrieval.passages import (
    Passage,
    PassageFormatError,
    parse_passage_line,
    passage_of,
    well_formed,
)


@pytest.mark.parametrize(
    ("record", "passage"),
    [
        ({"id": "7", "contents": '"Ulm"\nA city.'}, Passage("7", "Ulm", "A city.")),
        (
            {"id": 7, "contents": '"Ulm"\nA city.\nOn the Danube.'},
            Passage("7", "Ulm", "A city.\nOn the Danube."),
        ),
        (
            {"id": "1", "contents": '""Q" Is for Quarry"\nA novel.'},
            Passage("1", '"Q" Is for Quarry', "A novel."),
        ),
        ({"id": "1", "contents": "Ulm\nA city."}, Passage("1", "Ulm", "A city.")),
        ({"id": "1", "contents": "A city on the Danube."}, Passage("1", "", "A city on the Danube.")),
        ({"id": "1", "contents": '"Quoted" text only'}, Passage("1", "", '"Quoted" text only')),
        ({"id": "1", "contents": "x" * 300 + "\nmore"}, Passage("1", "", "x" * 300 + "\nmore")),
        ({"id": "1", "title": "Ulm", "text": "A city."}, Passage("1", "Ulm", "A city.")),
        ({"id": "1", "title": '"Ulm"', "contents": '"Ulm"\nA city.'}, Passage("1", "Ulm", "A city.")),
        ({"id": "1", "title": "Ulm", "contents": "A city.\nOld."}, Passage("1", "Ulm", "A city.\nOld.")),
        ({"title": "Ulm", "text": "A city.", "contents": "ignored"}, Passage("line-3", "Ulm", "A city.")),
        ({"_id": "b1", "title": "", "text": "A city."}, Passage("b1", "", "A city.")),
        ({"id": "1", "title": "Ulm"}, Passage("1", "Ulm", "")),
        ({"id": "1", "contents": "\ud800 half"}, Passage("1", "", "\ufffd half")),
    ],
)
def test_formats_that_exist(record: dict[str, object], passage: Passage) -> None:
    assert parse_passage_line(json.dumps(record), "line-3") == passage


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": "1", "contents": "x"', "not JSON: Expecting ',' delimiter at column 28"),
        ("[1, 2]", "a list where an object was expected"),
        ("null", "null where an object was expected"),
        ('{"id": "1", "body": "x"}', "no \"contents\" and no \"text\" (keys here: 'id', 'body')"),
        ("{}", 'no "contents" and no "text" (keys here: none)'),
        ('{"contents": 5}', '"contents" is a number, not text'),
        ('{"contents": {"a": 1}}', '"contents" is an object, not text'),
        ('{"id": ["1"], "contents": "x"}', '"id" is a list, not text or an integer'),
        ('{"id": true, "contents": "x"}', '"id" is true/false, not text or an integer'),
        ('{"contents": "  \\n "}', "the document is empty"),
        (b'{"contents": "\xff"}', "not UTF-8: byte 0xff at 15"),
        ("[" * 100_000, "not JSON that can be read: RecursionError"),
        ('{"id": ' + "9" * 5000 + ', "contents": "x"}', "not JSON that can be read: ValueError"),
    ],
)
def test_a_broken_line_says_what_is_wrong(line: str | bytes, reason: str) -> None:
    with pytest.raises(PassageFormatError) as caught:
        parse_passage_line(line)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("passage", "document"),
    [
        (Passage("1", "Ulm", "A city."), "Ulm\nA city."),
        (Passage("1", "", "A city."), "A city."),
        (Passage("1", "Ulm", ""), "Ulm"),
    ],
)
def test_the_document_that_a_plan_sees(passage: Passage, document: str) -> None:
    assert passage.document == document


def test_without_an_id_equal_documents_have_equal_ids() -> None:
    first, again = passage_of("Ulm\nA city."), passage_of({"title": "Ulm", "text": "A city."})
    assert first.id == again.id != passage_of("Ulm\nA town.").id


@given(st.text(st.characters(exclude_categories=())))
def test_well_formed_text_can_be_encoded_and_keeps_its_length(text: str) -> None:
    fixed = well_formed(text)
    fixed.encode("utf-8")
    assert len(fixed) == len(text)


@given(st.text(min_size=1), st.text(min_size=1))
def test_title_and_text_survive_search_r1s_format(title: str, text: str) -> None:
    title = " ".join(title.split()).strip('" ')
    text = text.strip()
    if title and text:
        contents = f'"{title}"\n{text}'
        assert parse_passage_line(json.dumps({"id": "1", "contents": contents})) == Passage("1", title, text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["id", "title", "text", "contents", "x"]), x),
    )
)
def test_any_json_is_a_passage_or_a_format_error(value: object) -> None:
    try:
        passage = passage_of(value)
    except PassageFormatError:
        return
    assert passage.id
    assert passage.document
