"""Rows for supervised fine-tuning: the shortest good plans of each question, chosen from all that were tried."""

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
    """The outcome of `chosen`.

    Attributes:
        rows: the rows.
        dropped: the number of episodes that were left out, by reason.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def chosen(
    episodes: Iterable[Episode], banned: HeldOut, *, per_question: int = 1, isolation: Any = "process"
) -> Chosen:
    """Choose episodes by rejection sampling: for each question the shortest plans whose answers are right and grounded.

    An episode is accepted if its answer is a golden one, its plan gives the same answer when it is run again on the
    recorded results of its calls, and that answer comes from passages (see `grounding`). Episodes of several seeds give
    several plans for a question.

    Args:
        episodes: the episodes.
        banned: the questions of evaluations, which are left out.
        per_question: plans of a question, at most.
        isolation: as for `pyrag_dsl.run`.
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
    """The row of an episode: a conversation of the planner's prompt and the plan as the reply."""
    return {
        "messages": conversation(episode.question, episode.queries, episode.source),
        "id": episode.id,
        "question": episode.question,
        "num_calls": len(episode.steps),
    }


def conversation(question: str, queries: Sequence[str], source: str) -> list[dict[str, str]]:
    """The messages of the planner's prompt, followed by a plan as the reply."""
    prompt = [dict(each) for each in plan_prompt(question, queries, DEFAULT_SIGNATURES)]
    return [*prompt, {"role": "assistant", "content": f"```python\n{source.strip()}\n```"}]
