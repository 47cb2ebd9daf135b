"""Services over HTTP (extra `serve`): a retriever in the protocols that the field has, and traces in a browser."""

from .browser import browser_app
from .catalog import Catalog
from .retriever import retriever_app
from .running import serve

__all__ = ["Catalog", "browser_app", "retriever_app", "serve"]
