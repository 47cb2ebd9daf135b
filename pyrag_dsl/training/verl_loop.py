"""The agent loop `pyrag`, registered by verl's own decorator: a policy writes a plan, and repairs it if it fails.

In a rollout of one turn, a plan that fails scores 0, and the policy never sees why. In this loop, the plan is run, and
if it fails, the policy reads its problems in the words of the method `pyrag` and replies again. Only the last reply is
scored. The tokens of the policy are trained on, and those of the feedback are not.

`pyrag train launch --repairs N` turns the loop on. verl then reads `stages/repairs.overrides` and
`stages/agent_loops.yaml`, and its setting `multi_turn.max_assistant_turns` is the number of replies, N + 1.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopMetrics, AgentLoopOutput, register

from ..agents.plan_prompts import feedback
from .rewards import acompute_score, problems_of

__all__ = ["PlanAgentLoop"]


@register("pyrag")
class PlanAgentLoop(AgentLoopBase):  # type: ignore[misc]  # verl is not installed where types are checked
    """One trajectory: replies, with the problems of each failed plan between them, and the score of the last reply.

    Rows of tasks other than `plan` get one reply. If a reward cannot be computed, `RewardUnavailable` is raised, which
    stops the training.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.replies = self.rollout_config.multi_turn.max_assistant_turns or 1
        self.room = self.rollout_config.response_length
        self.settings = dict(self.config.reward.custom_reward_function.get("reward_kwargs") or {})

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> AgentLoopOutput:
        """The trajectory for a row of the data set, in the format of verl."""
        messages = list(row["raw_prompt"])
        tokens = await self.ct_build_initial_tokens(messages)
        mask: list[int] = []
        logprobs: list[float] | None = None
        request, turns, spent = uuid4().hex, 0, {"generate_sequences": 0.0, "tool_calls": 0.0}
        facts: dict[str, Any] = {}
        while True:
            began = time.perf_counter()
            reply = await self.server_manager.generate(
                request_id=request, prompt_ids=tokens, sampling_params=dict(sampling_params)
            )
            spent["generate_sequences"] += time.perf_counter() - began
            facts = {**reply.extra_fields, **facts, **_last_step(reply.extra_fields)}
            turns += 1
            if reply.log_probs and logprobs is None:
                logprobs = []
            merged, mask, logprobs = await self.ct_merge_assistant_token(
                tokens, reply.token_ids, mask, logprobs, assistant_logprobs=reply.log_probs or None
            )
            tokens = merged.token_ids
            text = self.tokenizer.decode(reply.token_ids, skip_special_tokens=True)
            if turns >= self.replies or len(mask) >= self.room:
                break
            began = time.perf_counter()
            wrong = await self._wrong(text, row)
            spent["tool_calls"] += time.perf_counter() - began
            if not wrong:
                break
            said = [*messages, {"role": "assistant", "content": text}]
            messages = [*said, {"role": "user", "content": wrong}]
            merged, longer, more = await self.ct_merge_context_msg(said, messages, tokens, mask, logprobs)
            if len(longer) >= self.room:
                break  # there is no room for another reply
            tokens, mask, logprobs = merged.token_ids, longer, more
        began = time.perf_counter()
        score = await self._score(text, row)
        start = len(tokens) - len(mask)
        return AgentLoopOutput(
            prompt_ids=tokens[:start],
            response_ids=tokens[start:][: self.room],
            response_mask=mask[: self.room],
            response_logprobs=logprobs[: self.room] if logprobs else None,
            reward_score=score["score"],
            num_turns=2 * turns,
            metrics=AgentLoopMetrics(**spent, compute_score=time.perf_counter() - began),
            extra_fields={**facts, "turn_scores": [], "tool_rewards": [], "reward_extra_info": score},
        )

    async def _wrong(self, reply: str, row: dict[str, Any]) -> str:
        """The feedback on a plan that failed; "" if the plan gave an answer, or the task is not `plan`."""
        info = dict(row.get("extra_info") or {})
        source, wrong = await problems_of(row["data_source"], reply, info, **self.settings)
        return feedback(source, wrong) if wrong else ""

    async def _score(self, reply: str, row: dict[str, Any]) -> dict[str, Any]:
        return await acompute_score(
            data_source=row["data_source"],
            solution_str=reply,
            ground_truth=row["reward_model"]["ground_truth"],
            extra_info=dict(row.get("extra_info") or {}),
            **self.settings,
        )


def _last_step(facts: dict[str, Any]) -> dict[str, Any]:
    """Those facts in `extra_fields` of a reply whose last value counts. For all others, the first value is kept."""
    return {name: facts[name] for name in ("max_global_steps",) if name in facts}
