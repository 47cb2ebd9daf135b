"""The repair role: a model that mends a program that has failed."""

from __future__ import annotations

from collections.abc import Sequence

from ..grammar.diagnostics import Diagnostic
from .drafts import Drafted, Drafter
from .plan_prompts import repair_prompt


class Repairer(Drafter):
    """Mends plans by one model; see ``Drafter`` for its parameters."""

    async def repair(self, question: str, source: str, diagnostics: Sequence[Diagnostic]) -> Drafted:
        """A mended plan.

        source: the program that failed. diagnostics: of its run, the decisive one first; of the values in them only
        the form is told. Raises ``PlanRejected`` after ``tries`` replies without a plan; ``ModelError``.
        """
        return await self.draft(repair_prompt(question, source, diagnostics, self.tools))
