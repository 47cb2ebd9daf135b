"""The plan role: a model that writes the program."""

from __future__ import annotations

from collections.abc import Sequence

from .drafts import Drafted, Drafter
from .plan_prompts import plan_prompt


class Planner(Drafter):
    """Writes plans by one model; see ``Drafter`` for its parameters."""

    async def plan(
        self,
        question: str,
        queries: Sequence[str] = (),
        failed: Sequence[tuple[str, Sequence[str]]] = (),
    ) -> Drafted:
        """A plan for ``question``.

        queries: its sub-queries, in order. failed: programs that were run and failed, with their problems; the new
        one is to differ. Raises ``PlanRejected`` after ``tries`` replies without a plan; ``ModelError``.
        """
        return await self.draft(plan_prompt(question, queries, self.tools, failed))
