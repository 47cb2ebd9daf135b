"""The address of a model: that of a server, or of an engine in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .status import Stop

if TYPE_CHECKING:
    from ..models.engines import EngineAddress


def placed(llm: str | None, base_url: str | None = None, name: str | None = None) -> tuple[str | None, str | None]:
    """The address and the name of a model, from `--llm`, `--llm-base-url` and `--model`. Raises Stop."""
    if llm is not None and base_url is not None:
        raise Stop("--llm and --llm-base-url: give one of them")
    if llm is None:
        return base_url, name
    found = engine_address(llm, "--llm")
    if found is None:
        raise Stop(f"--llm: write it as vllm:PATH or transformers:PATH, not {llm}; name a server with --llm-base-url")
    return llm, name or found.name


def engine_address(text: str | None, what: str = "the address of a model") -> EngineAddress | None:
    """The engine in this process that an address names; None for a server or without an address. Raises Stop."""
    if text is None:
        return None
    from ..models.engines import EngineAddress

    try:
        return EngineAddress.parse(text)
    except ValueError as error:
        raise Stop(f"{what}: {error}") from None
