"""A scripted model that knows which role it is asked to play, and a retriever that counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pyrag_dsl.models import ChatModel
from pyrag_dsl.testing.server import Request, ScriptedModelServer, Turn, status

ROLES = {
    "decompose": "You split a question",
    "plan": "You write a short program",
    "repair": "You mend a short program",
    "answer": "You answer one question",
}


def role_of(request: Request) -> str:
    """Which role a request asks for, by its system message."""
    system = str(request.messages[0]["content"])
    return next(role for role, begin in ROLES.items() if system.startswith(begin))


class Roles:
    """Plays each role from a list of turns, or by a function of the user message; keeps what it was asked."""

    def __init__(self, **replies: Any) -> None:
        self.asked: dict[str, list[str]] = {role: [] for role in ROLES}
        self._replies: dict[str, Iterator[Any] | Callable[[str], Any]] = {
            role: given if callable(given) else iter(given) for role, given in replies.items()
        }

    def __call__(self, request: Request) -> Turn | str:
        role = role_of(request)
        user = str(request.messages[-1]["content"])
        self.asked[role].append(user)
        replies = self._replies.get(role, iter(()))
        turn: Turn | str = replies(user) if callable(replies) else next(replies, status(400, message=f"no {role} left"))
        return turn


def answers(**by_word: str) -> Callable[[str], str]:
    """An answering model: the first word that the question holds decides. It cites passages, as it is told to."""

    def reply(user: str) -> str:
        question = user.split("»")[0]
        found = next((text for word, text in by_word.items() if word in question), "Not enough information")
        reason = "Doc [1] says so." if "\n> " in user else "It follows."
        return f"<reason>{reason}</reason><answer>{found}</answer>"

    return reply


class Passages:
    """A retriever that says what it was asked; every passage ends with `more`."""

    def __init__(self, more: str = "") -> None:
        self.calls: list[tuple[str, int]] = []
        self.more = more

    def __call__(self, query: str, topk: int = 5) -> list[str]:
        self.calls.append((query, topk))
        return [f"{query}: passage {number}{self.more}" for number in range(1, topk + 1)]


@contextmanager
def scripted(roles: Callable[[Request], Any], **options: Any) -> Iterator[ChatModel]:
    """A model at a scripted server."""
    settings: dict[str, Any] = {"retry_delay": 0.001, "max_retry_delay": 0.002, "max_retries": 1, "timeout": 10.0}
    with ScriptedModelServer(roles) as server, ChatModel("m", server.base_url, **{**settings, **options}) as model:
        yield model


def block(source: str) -> str:
    """A reply with a program in it."""
    return f"Here it is:\n```python\n{source}```\n"
