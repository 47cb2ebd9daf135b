"""The plan role: a model that writes the program."""

from __future__ import annotations

from collections.abc import Sequence

from .drafts import Drafted, Drafter
from .plan_prompts import plan_prompt


class Planner(Drafter):
    """Writes plans with one model; its parameters are those of `Drafter`."""

    async def plan(
        self,
        question: str,
        queries: Sequence[str] = (),
        failed: Sequence[tuple[str, Sequence[str]]] = (),
    ) -> Drafted:
        """Write a plan.

        Args:
            question: the question.
            queries: its sub-queries, in order.
            failed: programs that ran and failed, with their problems; the new plan should differ.

        Raises:
            PlanRejected: `tries` replies held no plan.
            ModelError: the model cannot be used.
        """
        return await self.draft(plan_prompt(question, queries, self.tools, failed))
