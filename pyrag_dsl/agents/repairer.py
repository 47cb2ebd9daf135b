"""The repair role: a model that mends a program that has failed."""

from __future__ import annotations

from collections.abc import Sequence

from .drafts import Drafted, Drafter
from .plan_prompts import repair_prompt


class Repairer(Drafter):
    """Mends plans by one model; see ``Drafter`` for its parameters."""

    async def repair(self, question: str, source: str, problems: Sequence[str]) -> Drafted:
        """A mended plan.

        source: the program that failed. problems: what was wrong with it, as `plan_prompts.problems` tells it. Raises
        ``PlanRejected`` after ``tries`` replies without a plan; ``ModelError``.
        """
        return await self.draft(repair_prompt(question, source, problems, self.tools))
