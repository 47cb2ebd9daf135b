"""The cost of the models of one question, by role, and what they were told. Every reply counts, used or not."""

from __future__ import annotations

from collections.abc import Awaitable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..models.errors import BadReply, ModelError
from ..models.reply import Reply, Usage


@dataclass(frozen=True, slots=True)
class Spent:
    """The spending of one role.

    Attributes:
        usage: the tokens, without those of replies from the response cache.
        cost: the cost in the currency of the prices; None as soon as the cost of one reply is unknown.
        calls: the requests for a reply, including those from the cache and those that failed.
        failed: the number of requests that failed.
        models: the names of the models that replied, as the endpoints gave them.
    """

    usage: Usage = field(default_factory=Usage)
    cost: float | None = 0.0
    calls: int = 0
    failed: int = 0
    models: frozenset[str] = frozenset()

    def __add__(self, other: Spent) -> Spent:
        cost = None if self.cost is None or other.cost is None else self.cost + other.cost
        calls, failed = self.calls + other.calls, self.failed + other.failed
        return Spent(self.usage + other.usage, cost, calls, failed, self.models | other.models)


def usage_of(meter: Meter, role: str, told: Container[str] = ()) -> dict[str, Any]:
    """What was spent, as the usage of a call.

    Args:
        meter: what the models of the call have passed through.
        role: what the call asked them to be.
        told: the roles of the messages ("system", "user") whose texts are to be part of it, as `prompts`: each text
            once, in the order in which they were sent. What the arguments of the call hold need not be told again.
    """
    spent = meter.total
    usage: dict[str, Any] = {"role": role, "requests": spent.calls, "failed": spent.failed}
    counts = spent.usage
    if counts.known or counts.prompt_tokens or counts.completion_tokens:
        usage["tokens"] = counts.prompt_tokens + counts.completion_tokens
        usage["prompt_tokens"] = counts.prompt_tokens
        usage["completion_tokens"] = counts.completion_tokens
    if not counts.known:
        usage["uncounted"] = 1
    if spent.cost is not None:
        usage["cost"] = spent.cost
    if spent.models:
        usage["models"] = sorted(spent.models)
    prompts = [text for speaker, text in meter.prompts if speaker in told]
    if prompts:
        usage["prompts"] = prompts
    return usage


class Meter:
    """Counts, by role, the replies of the models that `of` returns. It serves one question in one event loop."""

    def __init__(self) -> None:
        self._spent: dict[str, Spent] = {}
        self._prompts: dict[tuple[str, str], None] = {}

    def of(self, role: str, model: Any) -> Metered:
        """A model whose use is counted for `role`."""
        return Metered(role, model, self)

    def add(self, role: str, spent: Spent) -> None:
        """Add the spending of a role."""
        self._spent[role] = self._spent.get(role, Spent()) + spent

    def tell(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Note what a model is told."""
        said = ((each.get("role"), each.get("content")) for each in messages)
        self._prompts.update(
            {(who, text): None for who, text in said if isinstance(who, str) and isinstance(text, str)}
        )

    @property
    def prompts(self) -> tuple[tuple[str, str], ...]:
        """Role and text of every message so far, each once, in the order in which they were sent."""
        return tuple(self._prompts)

    @property
    def by_role(self) -> dict[str, Spent]:
        """The spending of each role so far."""
        return dict(self._spent)

    @property
    def total(self) -> Spent:
        """The spending of all roles so far."""
        return sum(self._spent.values(), Spent())


@dataclass(frozen=True, slots=True)
class Metered:
    """A model whose replies are counted for a role."""

    role: str
    model: Any
    meter: Meter

    @property
    def endpoint(self) -> str:
        """The address of the model, for messages."""
        return str(getattr(self.model, "endpoint", ""))

    @property
    def temperature(self) -> float | None:
        """The temperature of the model, if it has one."""
        return getattr(self.model, "temperature", None)

    @property
    def max_tokens(self) -> int | None:
        """The limit of the tokens of a reply, if the model has one."""
        return getattr(self.model, "max_tokens", None)

    async def acomplete(self, messages: Sequence[dict[str, str]], **overrides: Any) -> Reply:
        """The model's `acomplete`."""
        self.meter.tell(messages)
        return await self._counted(self.model.acomplete(messages, **overrides))

    async def acontinue(self, *asked: Any, **overrides: Any) -> Reply:
        """The model's `acontinue`."""
        model: Any = self.model
        return await self._counted(model.acontinue(*asked, **overrides))

    async def _counted(self, asked: Awaitable[Reply]) -> Reply:
        try:
            reply = await asked
        except ModelError as error:
            # One model may have several roles, and the message must name the role of this request.
            error.role = self.role
            # The endpoint charges for a bad reply as well, but its tokens could not be read.
            bad = isinstance(error, BadReply)
            self.meter.add(self.role, Spent(Usage(known=False), None, 1, 1) if bad else Spent(calls=1, failed=1))
            raise
        except Exception:
            self.meter.add(self.role, Spent(calls=1, failed=1))
            raise
        self.meter.add(
            self.role, Spent(Usage() if reply.cached else reply.usage, reply.cost, 1, 0, frozenset((reply.model,)))
        )
        return reply
