"""Models in this process: an address such as ``vllm:FOLDER`` in the place of a URL, and a transport that loads it.

    ChatModel("qwen", "vllm:models/qwen?context=8192")
    ChatModel("smollm2", "transformers:SmolLM2-135M-Instruct.Q4_1.gguf")

An engine is loaded at the first call and shared by all models of this process that have the same address. Requests
that come at the same time are generated together. torch, transformers and vllm are imported by the engine's own thread.
"""

from __future__ import annotations

from .address import EngineAddress, engine_version

__all__ = ["EngineAddress", "engine_version"]
