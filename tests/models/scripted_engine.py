"""Engines without a model: a tokenizer of characters, an engine whose steps a test holds, and a module like vLLM."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

from pyrag_dsl.models.engines.generation import Deliver, Generated, Generation, Wanted


class Characters:
    """A tokenizer whose tokens are characters."""

    chat_template: str | None = "plain"

    def apply_chat_template(self, messages: Any, **options: Any) -> str:
        if any(each["role"] == "system" for each in messages):
            raise ValueError("System role not supported")
        closing = "" if options["continue_final_message"] else "\n"
        return "\n".join(str(each["content"]) for each in messages) + closing

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:  # noqa: ARG002
        return list(map(ord, text))

    def decode(self, tokens: Any) -> str:
        return "".join(map(chr, tokens))


class ScriptedEngine:
    """Answers each prompt by ``say``, or says it again, a batch a step.

    A prompt with ``fails`` in it makes the step of its batch raise.
    """

    gather = 0.0

    def __init__(self, most: int = 4, context: int = 100, say: Callable[[str], str] = str) -> None:
        self.tokenizer = Characters()
        self.context = context
        self.most = most
        self.say = say
        self.asked: list[Generation] = []
        self.batches: list[list[str]] = []
        self.unwanted: list[str] = []
        self.steps = threading.Semaphore(0)
        self.entered = threading.Event()
        self.free = False
        self.closed = False
        self._inside: dict[int, Generation] = {}

    def add(self, key: int, asked: Generation) -> None:
        self.asked.append(asked)
        self._inside[key] = asked

    def step(self, deliver: Deliver, wanted: Wanted) -> None:
        self.entered.set()
        if not self.free:
            self.steps.acquire()
        inside, self._inside = self._inside, {}
        texts = {key: self.tokenizer.decode(each.tokens).strip() for key, each in inside.items()}
        self.batches.append(list(texts.values()))
        if any("fails" in text for text in texts.values()):
            raise RuntimeError("out of memory")
        for key, text in texts.items():
            if wanted(key):
                deliver(key, Generated(self.say(text), "stop", None, len(text)))
            else:
                self.unwanted.append(text)

    def drop(self, key: int) -> None:
        self._inside.pop(key, None)

    def close(self) -> None:
        self.closed = True


def vllm_module(say: Callable[[str], str], calls: list[Any]) -> dict[str, ModuleType]:
    """Modules named like vLLM's, by name; ``calls`` is told how the engine is made and what is asked of it."""

    class StructuredOutputsParams(SimpleNamespace):
        def __init__(self, grammar: str) -> None:
            if "broken" in grammar:
                raise ValueError("Failed to convert the grammar")
            super().__init__(grammar=grammar)

    class LLMEngine:
        model_config = SimpleNamespace(max_model_len=200)
        engine_core = SimpleNamespace(shutdown=lambda: calls.append("shutdown"))

        def __init__(self) -> None:
            self.inside: dict[str, Any] = {}

        def add_request(self, key: str, prompt: Any, params: Any) -> None:
            calls.append(params)
            self.inside[key] = prompt["prompt_token_ids"]

        def abort_request(self, keys: list[str]) -> None:
            for key in keys:
                self.inside.pop(key, None)

        def step(self) -> list[Any]:
            ended, self.inside = self.inside, {}
            outputs = []
            for key, tokens in ended.items():
                text = say("".join(map(chr, tokens)))
                made = SimpleNamespace(text=text, stop_reason=7, finish_reason="stop", token_ids=list(text))
                outputs.append(SimpleNamespace(request_id=key, finished=True, outputs=[made], num_cached_tokens=3))
            return outputs

    class LLM:
        def __init__(self, **options: Any) -> None:
            calls.append(options)
            self.llm_engine = LLMEngine()

        def get_tokenizer(self) -> Characters:
            return Characters()

    vllm, params, platforms = (ModuleType(name) for name in ("vllm", "vllm.sampling_params", "vllm.platforms"))
    platforms.__dict__.update(current_platform=SimpleNamespace(is_cpu=lambda: False))
    vllm.__dict__.update(LLM=LLM, SamplingParams=SimpleNamespace)
    params.__dict__.update(
        StructuredOutputsParams=StructuredOutputsParams, RequestOutputKind=SimpleNamespace(FINAL_ONLY="final")
    )
    return {each.__name__: each for each in (vllm, params, platforms)}
