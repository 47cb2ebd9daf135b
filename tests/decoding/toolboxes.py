"""Sets of tools to decode plans over: the usual two, and everything that could get in the way."""

from __future__ import annotations

from pyrag_dsl.grammar.language import DEFAULT_SIGNATURES
from pyrag_dsl.grammar.stubs import read_stubs

TOOLBOXES = {
    "usual": DEFAULT_SIGNATURES,
    "typed": read_stubs(
        """
def look_up(entity: str, relation: str = "", *, limit: int = 3, exact: bool = False) -> list[str]: ...
def rerank(docs: docs, query: str) -> docs: ...
def population(place: str, year: int) -> int: ...
def distance(start: str, end: str, scale: float = 1.0) -> float: ...
def convert(amounts: dict, note: any = None) -> dict: ...
def today() -> str: ...
def Today(short: bool = False, zone: str = "UTC") -> str: ...
"""
    ),
    # Tools that take the names of the builtins and modules that plans would use.
    "taken": read_stubs(
        "\n".join(f"def {name}(text: str) -> str: ..." for name in "str int len re list sorted".split())
    ),
    "datetime": read_stubs("def datetime(text: str) -> str: ...\ndef dict(text: str) -> list[str]: ..."),
    "none": {},
}
