"""A model and its tokenizer from a folder or a GGUF file; ``python -m`` unpacks a GGUF file into a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def load(path: Path, dtype: str = "float32") -> tuple[Any, Any]:
    """The tokenizer and the model, by transformers. dtype: its name in torch, or "auto" for that of the file."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    place = path.parent if path.is_file() else path
    named = {"gguf_file": path.name} if path.is_file() else {}
    usual: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True, **named}
    tokenizer = AutoTokenizer.from_pretrained(str(place), **usual)
    return tokenizer, AutoModelForCausalLM.from_pretrained(str(place), dtype=dtype, **usual)


def unpack(file: Path, folder: Path) -> None:
    """Write what a GGUF file holds as a folder with safetensors, for engines that read no GGUF."""
    tokenizer, model = load(file)
    # transformers refuses to save what it takes for quantized; unpacked it is not any more.
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[1].endswith(".gguf") or not Path(sys.argv[1]).is_file():
        sys.exit("usage: python -m pyrag_dsl.models.engines.unpack FILE.gguf FOLDER")
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
