"""Long values stand in the file of a trace once: a conversation does not grow with the square of its length."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyrag_dsl as pd
from pyrag_dsl.runtime.sharing import LONG, SharingReader, SharingWriter

from .laws import law

texts = st.one_of(st.text(max_size=5), st.sampled_from(["a", "b", "c"]).map(lambda c: c * LONG))
values = st.recursive(
    st.one_of(st.none(), st.integers(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=7), st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)),
    max_leaves=25,
)


@pytest.mark.thorough
@law(300)
@given(st.lists(values, max_size=8), st.integers(0, 6))
def test_law_what_is_read_is_what_was_written(written: list[Any], cut: int) -> None:
    histories = [written[: size + 1] for size in range(len(written))]  # as a conversation is sent again and again
    for several in (written, histories):
        writer, reader = SharingWriter(), SharingReader()
        lines = [json.dumps(writer.shared(value)) for value in several]
        assert [reader.whole(json.loads(line)) for line in lines] == several
        part = SharingReader()
        assert [part.whole(json.loads(line)) for line in lines[:cut]] == several[:cut], "a torn file loses its end only"


def test_a_long_conversation_is_written_once() -> None:
    plan = """
messages = [{"role": "user", "content": "x" * 50}]
for turn in range(60):
    messages.append({"role": "assistant", "content": chat(messages)})
final_answer = len(messages)
"""

    def chat(messages: list) -> str:  # type: ignore[type-arg]
        return f"{len(messages)}: " + "word " * 200

    sizes = {}
    for turns in (30, 60):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "t.jsonl"
            result = pd.run(plan.replace("60", str(turns)), {"chat": chat}, trace=path)
            sizes[turns] = path.stat().st_size
            loaded = pd.Trace.load(path)
        assert loaded.without_timings() == result.trace.without_timings()
    assert sizes[60] < 2.3 * sizes[30]
    assert sizes[60] < 3 * 60 * 1_000, "each reply stands in the file once, and in its log too"


def test_what_refers_to_nothing_is_damage() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        pd.run("final_answer = f('a')", {"f": lambda x: x}, trace=path)
        text = path.read_text()
        for hostile in ('{"$value":9}', '{"$value":-1}', '{"$more":[9,[]]}', '{"$more":3}', '{"$value":"x"}'):
            path.write_text(text.replace('"result":"a"', f'"result":{hostile}'))
            with pytest.raises(pd.TraceError, match=r"line 3, is damaged"):
                pd.Trace.load(path)


def test_traces_of_the_first_version_load() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        result = pd.run("final_answer = f('a')", {"f": lambda x: x}, trace=path)
        path.write_text(path.read_text().replace('"version":2', '"version":1'))
        assert [call.result for call in pd.Trace.load(path).calls] == [call.result for call in result.calls]
        path.write_text(path.read_text().replace('"version":1', '"version":9'))
        with pytest.raises(pd.TraceError, match="is a trace of version 9; this program reads version 2"):
            pd.Trace.load(path)
