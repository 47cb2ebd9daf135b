"""Walks at random through llguidance's mask of level names and a reader of names, over words that plans are made of."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from pyrag_dsl.decoding import decoding_grammar
from pyrag_dsl.decoding.name_reader import NameReader
from pyrag_dsl.grammar.language import ATTRIBUTES, BUILTINS, IMPLICIT, IMPLICIT_MEMBERS, MODULES

llguidance = pytest.importorskip("llguidance", reason="llguidance is not installed: pip install 'pyrag-dsl[decoding]'")

_WORDS = """
final_answer result x y z docs item question n i re datetime math json collections Counter typing string str int len
sorted sum any all max min next range enumerate zip list dict set tuple print ValueError key reverse default topk query
retrieve( answer( look_up( rerank( population( distance( convert( today( entity relation limit exact place year start
if else elif for while in and or not is def return try except finally as from import lambda raise assert pass break
None True False __name__ 0 1 2.5 = == += != + - * ** % / < , : . ( ) [ ] { } ; -> | f" f' r" " ' \"\"\" {x} {y!r} {{ }}
.strip() .lower() .split( .append( .join( .get( .items() .format( .search( .group( .datetime .now() key= topk= docs=
""".split()
_LINES = ("\n", "\n    ", "\n        ", ":\n    ", ":\n        ", " # c\n", "final_answer = ", " for x in ", ", ", '")')
_SPACED = tuple(f" {word} " for word in _WORDS if word.isidentifier() or not word.isalnum())
WORDS = tuple(dict.fromkeys([*(bytes([byte]) for byte in range(256)), *map(str.encode, (*_WORDS, *_SPACED, *_LINES))]))
TEXTS = [word.decode("latin-1") for word in WORDS]
END = len(WORDS)


class _Words:
    """What llguidance asks of a tokenizer."""

    eos_token_id = END
    bos_token_id = None
    special_token_ids = (END,)
    tokens = (*WORDS, b"<end>")

    def __call__(self, text: bytes | str) -> list[int]:
        return list(text if isinstance(text, bytes) else text.encode())


def matcher(tools):
    words = llguidance.LLTokenizer(llguidance.TokenizerWrapper(_Words()))
    made = llguidance.LLMatcher(words, decoding_grammar("llguidance", tools, level="names"), log_level=0)
    assert not made.is_error(), made.get_error()
    return made


def walk(made, tools, rng: random.Random, *, steps: int, begun: str = "") -> tuple[str, bool]:
    """A finished text that begins so, and whether it ended by itself; after so many steps it is led to an end."""
    made.reset()
    out = bytearray(begun.encode())
    reader = NameReader(tools).after(out.decode("latin-1"))
    assert reader is not None
    assert made.consume_tokens(list(out))
    for _ in range(steps):
        mask = made.compute_bitmask()
        allowed = [token for token in range(END + 1) if mask[token >> 3] >> (token & 7) & 1]
        if END in allowed and reader.may_end and rng.random() < 0.3:
            return out.decode(), True
        quote = reader.quote[:1] if reader.mode == "text" and rng.random() < 0.3 else ""
        order = sorted(allowed, key=lambda token: -(rng.random() ** (1 if token > 255 else 20)))
        for token in ([ord(quote)] if quote and ord(quote) in allowed else []) + order:
            after = reader.after(TEXTS[token]) if token != END else None
            if after is not None:
                break
        else:
            ended = END in allowed and reader.may_end
            assert ended, f"no way on after {bytes(out[-200:])!r}"
            return out.decode(), True
        reader = after
        out += WORDS[token]
        assert made.consume_token(token)
    return (bytes(out) + finish(made, reader, rng, bytes(out[-300:]))).decode(), False


def finish(made, reader: NameReader, rng: random.Random, shown: bytes) -> bytes:
    """What leads a text to an end: the first of `endings` that may come next, or now and then another."""
    out = b""
    for _ in range(400):
        if made.is_accepting() and reader.may_end:
            return out
        ways = []
        for ending in endings(reader):
            tokens = list(ending.encode("latin-1"))
            after = reader.after(ending) if made.validate_tokens(tokens) == len(tokens) else None
            if after is not None:
                ways.append((tokens, after))
                if rng.random() < 0.7:
                    break
        assert ways, f"no end is found after {shown + out[-300:]!r} in {reader.part}, {reader.frame}"
        tokens, reader = ways[-1]
        out += bytes(tokens)
        assert made.consume_tokens(tokens)
    raise AssertionError(f"no end comes after {shown!r}, {out!r}, {reader.frame}")


def endings(reader: NameReader) -> Iterator[str]:
    """What may lead on towards an end, the best first."""
    frame = reader.frame
    if reader.mode in ("text", "quote", "brace"):
        yield from (reader.quote, reader.quote[0], "}", "n", "0", "{", *map(chr, range(128, 192)))
        if reader.mode == "text":
            return
    if reader.mode == "comment":
        yield from ("\n", *map(chr, range(128, 192)))
        return
    if reader.module is not None and reader.mode == "code":
        yield from sorted(MODULES.get(reader.module, ("strip",)))
    line = frame.kind == "line" and not reader.grouped
    if reader.source and frame.operand:
        for member in sorted(MODULES.get(reader.source, ())):
            yield from (member, f"import {member}", f" import {member}")
    yield "\nfinal_answer = 0\n"
    if reader.mode == "word":
        known = {*BUILTINS, *reader.tools, *reader.names(), *reader.keywords, *IMPLICIT, *IMPLICIT_MEMBERS, *MODULES}
        known |= {"else", "for", "in", "is", "if", "and", "or", "not", "as", "from", "import", "None", "True", "False"}
        known |= {"return", "pass", "lambda", "except", *reader.arguments(reader.word), *ATTRIBUTES}.union(
            *MODULES.values()
        )
        yield from sorted({name[len(reader.word) :] for name in known if name.startswith(reader.word)} - {""}, key=len)
        yield from ("(", ".A", ".UTC", ".loads", ".e", ".Counter", ".chain", ".cache", ".digits", ".mean", ".Any")
    for name in sorted(frame.pending):
        yield f" for {name} in 0"
    yield from (")", "]", "}")
    if frame.tool is not None:
        for param in frame.tool.params:
            value = {"str": "''", "dict": "{}", "bool": "True", "docs": "''"}.get(param.type, "0")
            value = "[]" if param.type.startswith("list") else value
            for given in (value, "max"):
                yield from (f"{param.name}={given}", f", {param.name}={given}", f"={given}", given)
    if line:
        yield "\n"
        for indent in ("", *("    " * depth for depth in range(7))):
            yield from (
                f":\n{indent}pass",
                f"\n{indent}except: pass",
                f"\n{indent}pass",
                f"{indent}pass",
                f"{indent}x = 0",
            )
        yield from (": 0", " = 0", "=0", ":", " import *", "import re", " as q7", " re", "-> None")
    yield from (
        "0",
        "''",
        '""',
        "x",
        " in 0",
        " else 0",
        ": 0",
        "= 0",
        "=0",
        " = 0",
        "[0]",
        "()",
        "(0)",
        "(x)",
        "{}",
        ", 0",
    )
    yield from (" in ", " else ", "strip", "A", "r", "q7", "e0", "\n", " ", "]]", "\n0", "\n )")
