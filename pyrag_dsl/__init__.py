"""A small, safe language for the programs that language models write to answer questions."""

__version__ = "0.1.0"
