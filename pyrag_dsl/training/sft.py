"""Rows for supervised fine-tuning: the best plan of each question, out of all that were tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..agents.plan_prompts import plan_prompt
from ..evaluation.metrics import normalised
from ..grammar.language import DEFAULT_SIGNATURES
from .episodes import Episode
from .grounding import ungrounded
from .sets import HeldOut


@dataclass(slots=True)
class Chosen:
    """Rows, and how many episodes were left out, by reason."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def chosen(
    episodes: Iterable[Episode], banned: HeldOut, *, per_question: int = 1, isolation: Any = "process"
) -> Chosen:
    """Rejection sampling over episodes: of each question the shortest plans that are right for good reasons.

    An episode is accepted if its answer is a golden one and its plan, run again on what its calls returned, comes to
    that answer from passages (see `grounding`). Give the folders of several seeds to have several plans a question.
    """
    out = Chosen()
    by_question: dict[str, list[Episode]] = {}
    for episode in episodes:
        name = banned.names(episode.question, episode.id)
        if name:
            out.dropped[f"in {name}"] += 1
        elif episode.error or not episode.source:
            out.dropped["error"] += 1
        elif not episode.golden or not episode.right:
            out.dropped["wrong answer"] += 1
        else:
            by_question.setdefault(normalised(episode.question), []).append(episode)
    for found in by_question.values():
        good = list(_good(found, per_question, isolation, out.dropped))
        out.rows += [chat_row(each) for each in good]
    return out


def _good(episodes: Sequence[Episode], most: int, isolation: Any, dropped: Counter[str]) -> Iterator[Episode]:
    taken: set[str] = set()
    for episode in sorted(episodes, key=lambda each: (len(each.source), each.source)):
        if episode.source in taken:
            dropped["twice"] += 1
            continue
        if len(taken) == most:
            dropped["longer than another"] += 1
            continue
        result = episode.replay(isolation)
        if result is None:
            dropped["does not replay"] += 1
            continue
        why = ungrounded(episode.prediction, result.program, result.calls, result.depends_on, episode.question)
        if why:
            dropped[why] += 1
            continue
        taken.add(episode.source)
        yield episode


def chat_row(episode: Episode) -> dict[str, Any]:
    """An episode as a conversation: what the planner is asked, and the plan as its reply."""
    return {
        "messages": conversation(episode.question, episode.queries, episode.source),
        "id": episode.id,
        "question": episode.question,
        "num_calls": len(episode.steps),
    }


def conversation(question: str, queries: Sequence[str], source: str) -> list[dict[str, str]]:
    """The messages of the planner with a plan as the reply."""
    prompt = [dict(each) for each in plan_prompt(question, queries, DEFAULT_SIGNATURES)]
    return [*prompt, {"role": "assistant", "content": f"```python\n{source.strip()}\n```"}]
