"""Services over HTTP, in the protocols that the field has (extra `serve`)."""

from .retriever import retriever_app
from .running import serve

__all__ = ["retriever_app", "serve"]
