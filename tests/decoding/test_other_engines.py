"""The GBNF text in xgrammar, the engine that vLLM and SGLang use unless told otherwise.

xgrammar brings torch along, so no extra of the project installs it.
"""

from __future__ import annotations

import random

import pytest

from pyrag_dsl.decoding import decoding_grammar, plan_rules
from pyrag_dsl.decoding.rules import sample
from pyrag_dsl.grammar.language import DEFAULT_SIGNATURES

xgrammar = pytest.importorskip("xgrammar", reason="xgrammar is not installed: an engine is needed")

END = 256


def test_xgrammar_reads_every_text_of_the_rules_and_stops_what_is_no_plan():
    vocabulary = [*(bytes([byte]) for byte in range(256)), b"<end>"]
    tokens = xgrammar.TokenizerInfo(
        vocabulary, vocab_type=xgrammar.VocabType.RAW, vocab_size=END + 1, stop_token_ids=[END]
    )
    compiler = xgrammar.GrammarCompiler(tokens, max_threads=1)
    compiled = compiler.compile_grammar(xgrammar.Grammar.from_ebnf(decoding_grammar("gbnf")))
    rules, rng = plan_rules(DEFAULT_SIGNATURES), random.Random(10)
    for _ in range(150):
        matcher = xgrammar.GrammarMatcher(compiled)
        text = sample(rules, rng)
        assert matcher.accept_string(text), text
        assert matcher.accept_token(END)
        assert matcher.is_terminated()
    for wrong in ('docs_1 = search("', "docs_1 = retrieve(f", "retrieve = ", "docs_2"):
        assert not xgrammar.GrammarMatcher(compiled).accept_string(wrong)
