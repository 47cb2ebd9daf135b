"""llguidance without a model: a tokenizer of single bytes, and walks at random through its token mask."""

from __future__ import annotations

import random
import re

import pytest

from pyrag_dsl.decoding import decoding_grammar

llguidance = pytest.importorskip("llguidance", reason="llguidance is not installed: pip install 'pyrag-dsl[decoding]'")

END = 256
# A walk is to end some day, and to get beyond the first string: what closes a text is drawn more often.
CLOSERS = frozenset(b'"\n)]}')


_WORD = re.compile(r""""(?:[^"\\]|\\.)*"|/(?:[^/\\]|\\.)*/|\b(?!TOKEN_)[A-Z][A-Z0-9_]+""")


class _Bytes:
    """What llguidance asks of a tokenizer."""

    eos_token_id = END
    bos_token_id = None
    special_token_ids = (END,)
    tokens = (*(bytes([byte]) for byte in range(256)), b"<end>")

    def __call__(self, text: bytes | str) -> list[int]:
        return list(text if isinstance(text, bytes) else text.encode())


def tokenizer():
    return llguidance.LLTokenizer(llguidance.TokenizerWrapper(_Bytes()))


def readable(dialect: str, grammar: str) -> str:
    """The grammar in llguidance's own dialect."""
    if dialect != "gbnf":
        return grammar
    from llguidance.gbnf_to_lark import gbnf_to_lark

    # The converter writes `\u00A1` as `\uA1`, which its regular expressions do not read.
    converted = re.sub(r"\\[uU]([0-9A-F]+)", r"\\u{\1}", gbnf_to_lark(grammar))
    # It makes a terminal of every rule without recursion: lexemes of whole calls, of more states than an engine has.
    return _WORD.sub(lambda word: word[0].lower() if word[0][0].isupper() else word[0], converted)


def matcher(dialect: str, *args, **options):
    made = llguidance.LLMatcher(
        tokenizer(), readable(dialect, decoding_grammar(dialect, *args, **options)), log_level=0
    )
    assert not made.is_error(), made.get_error()
    return made


def walk(matcher, rng: random.Random) -> str:
    """One finished text."""
    matcher.reset()
    out = bytearray()
    while True:
        mask = matcher.compute_bitmask()
        allowed = [token for token in range(END + 1) if mask[token >> 3] >> (token & 7) & 1]
        assert allowed, f"no way on after {bytes(out[-80:])!r}"
        if allowed == [END]:
            assert matcher.is_accepting(), matcher.get_error()  # an engine that gives up allows the end, too
            return out.decode("utf-8")
        closing = [token for token in allowed if token in CLOSERS]
        token = rng.choice(closing if closing and rng.random() < 0.4 else allowed)
        if token == END:
            return out.decode("utf-8")
        out.append(token)
        assert matcher.consume_token(token)


def reads(matcher, text: str) -> bool:
    """Whether a text is one of the grammar."""
    matcher.reset()
    tokens = list(text.encode())
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()
