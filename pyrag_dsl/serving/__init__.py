"""Services over HTTP (extra `serve`): a retriever with the usual protocols, and traces in a browser."""

from .browser import browser_app
from .catalog import Catalog
from .live import Watched, live_app, watching_at
from .retriever import retriever_app
from .running import serve

__all__ = ["Catalog", "Watched", "browser_app", "live_app", "retriever_app", "serve", "watching_at"]
