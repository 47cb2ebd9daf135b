"""What an engine is asked for and what it makes, between the requests and replies of the OpenAI API.

The options of a request mean here what they mean at a server: ``max_tokens`` (as many as fit, where none is given),
``temperature`` (1 where none is given; 0 takes the likeliest token), ``top_p``, ``top_k``, ``seed``, ``stop`` (left out
of the reply), and ``structured_outputs: {"grammar": TEXT}``, beside which ``"names": TABLE`` has transformers mask what
a reader of names refuses (`pyrag_dsl.decoding.NameReader`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

_TAKEN = frozenset(
    "model messages prompt max_tokens max_completion_tokens temperature top_p top_k seed stop structured_outputs "
    "chat_template_kwargs add_generation_prompt continue_final_message tools tool_choice".split()
)


class RequestRefused(ValueError):
    """A request that an engine does not carry out; its text is for whoever made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One request to an engine.

    Attributes:
        tokens: of the prompt.
        max_tokens: of the reply, at most.
        temperature, top_p, top_k, seed: how tokens are drawn; a ``top_k`` of 0 is none.
        stops: texts that end the reply.
        grammar: what the reply is decoded by, if anything.
        names: the names of the plan that the reply is; see `NameReader.of`.
    """

    tokens: tuple[int, ...]
    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stops: tuple[str, ...] = ()
    grammar: str | None = None
    names: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Generated:
    """What an engine has made of a request.

    Attributes:
        text: without the stop that ended it.
        reason: "stop" or "length".
        stop: the text that ended it, if one did.
        tokens: how many were generated, the one that ends a turn included.
        cached_tokens: of the prompt, how many the engine had cached.
    """

    text: str
    reason: str
    stop: str | None
    tokens: int
    cached_tokens: int = 0


Deliver = Callable[[int, "Generated | Exception"], None]
Wanted = Callable[[int], bool]


class Engine(Protocol):
    """A model in this process. All of it is called by one thread.

    Attributes:
        context: tokens of prompt and reply together, at most.
        most: requests inside at once, at most.
        gather: seconds that the first request of a batch waits for others.
    """

    context: int
    most: int
    gather: float

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the model, as transformers has them."""

    def add(self, key: int, asked: Generation) -> None:
        """Take a request. Raises `RequestRefused` where it cannot be carried out."""

    def step(self, deliver: Deliver, wanted: Wanted) -> None:
        """Go on with what was added, and deliver what has ended. A long step lets what is not wanted any more end."""

    def drop(self, key: int) -> None:
        """Forget a request."""

    def close(self) -> None:
        """Let go of the memory."""


def generation_of(body: Mapping[str, Any], tokenizer: Any, context: int) -> Generation:
    """What the body of a request asks for. Raises `RequestRefused`, in the words of servers where those are known."""
    for name in body:
        if name not in _TAKEN:
            raise RequestRefused(f"unknown parameter '{name}': an engine in this process has none of this name")
    if body.get("tools"):
        raise RequestRefused(
            "an engine in this process reads no calls of tools; serve the model, and name its address by base_url"
        )
    tokens = tuple(_prompt(body, tokenizer))
    room = context - len(tokens)
    most = body.get("max_completion_tokens", body.get("max_tokens"))
    most = _number(most, "max_tokens", 1, whole=True) if most is not None else max(room, 1)
    if most > room:
        raise RequestRefused(
            f"the maximum context length is {context} tokens, and the prompt has {len(tokens)}, "
            f"with {most} more asked for the reply"
        )
    stop = body.get("stop") or ()
    structured = body.get("structured_outputs") or {}
    if not isinstance(structured, Mapping) or set(structured) - {"grammar", "names"}:
        raise RequestRefused("structured_outputs: an engine in this process takes a grammar, names and nothing else")
    grammar, names = structured.get("grammar"), structured.get("names")
    if names is not None and grammar is None:
        raise RequestRefused("structured_outputs: names are read beside a grammar, and none is given")
    seed = body.get("seed")
    return Generation(
        tokens=tokens,
        max_tokens=int(most),
        temperature=_number(body.get("temperature", 1.0), "temperature", 0),
        top_p=_number(body.get("top_p", 1.0), "top_p", 0),
        top_k=int(_number(body.get("top_k", 0), "top_k", -1, whole=True)) if body.get("top_k") != -1 else 0,
        seed=None if seed is None else int(_number(seed, "seed", -(2**63), whole=True)),
        stops=(stop,) if isinstance(stop, str) else tuple(map(str, stop)),
        grammar=None if grammar is None else str(grammar),
        names=names,
    )


def body_of(made: Generated, asked: Generation, model: str, chat: bool) -> bytes:
    """The reply as a server sends it."""
    said: dict[str, Any] = {"message": {"role": "assistant", "content": made.text}} if chat else {"text": made.text}
    usage = {
        "prompt_tokens": len(asked.tokens),
        "completion_tokens": made.tokens,
        "prompt_tokens_details": {"cached_tokens": made.cached_tokens},
    }
    choice = {**said, "finish_reason": made.reason, "stop_reason": made.stop}
    return json.dumps({"model": model, "choices": [choice], "usage": usage}).encode()


def before_stop(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """A text before the first stop in it, and that stop."""
    at, found = min(((place, stop) for stop in stops if stop and (place := text.find(stop)) >= 0), default=(-1, None))
    return (text, None) if found is None else (text[:at], found)


def _prompt(body: Mapping[str, Any], tokenizer: Any) -> list[int]:
    if "prompt" in body:
        found: list[int] = tokenizer.encode(str(body["prompt"]))
        return found
    if not getattr(tokenizer, "chat_template", None):
        raise RequestRefused("the tokenizer of this model has no chat template: use a model that was tuned for chats")
    try:
        text = tokenizer.apply_chat_template(
            [dict(each) for each in body["messages"]],
            tokenize=False,
            add_generation_prompt=bool(body.get("add_generation_prompt", True)),
            continue_final_message=bool(body.get("continue_final_message", False)),
            **dict(body.get("chat_template_kwargs") or {}),
        )
    except Exception as error:  # of the model's own template: Jinja's, or whatever it raises
        raise RequestRefused(f"the chat template of this model refuses the messages: {error}") from error
    return list(tokenizer.encode(text, add_special_tokens=False))


def _number(value: Any, name: str, least: float, *, whole: bool = False) -> float:
    good = isinstance(value, int) if whole else isinstance(value, (int, float))
    if not good or isinstance(value, bool) or not value >= least:
        kind = "a whole number" if whole else "a number"
        raise RequestRefused(f"invalid value: {name} must be {kind}, {least:g} or more, not {value!r}")
    return value  # type: ignore[no-any-return]
