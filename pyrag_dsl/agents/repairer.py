"""The repair role: a model that mends a program that has failed."""

from __future__ import annotations

from collections.abc import Sequence

from .drafts import Drafted, Drafter
from .plan_prompts import repair_prompt


class Repairer(Drafter):
    """Repairs plans with one model; its parameters are those of `Drafter`."""

    async def repair(self, question: str, source: str, problems: Sequence[str]) -> Drafted:
        """Repair a plan.

        Args:
            question: the question.
            source: the program that failed.
            problems: its problems, from `plan_prompts.problems`.

        Raises:
            PlanRejected: `tries` replies held no plan.
            ModelError: the model cannot be used.
        """
        return await self.draft(repair_prompt(question, source, problems, self.tools))
