"""The reward manager `pyrag`, registered by verl's own decorator. Only this file and `verl_loop` import verl.

verl imports this module for the custom reward function, and the import registers the manager. The overrides are
`reward.custom_reward_function.path=pkg://pyrag_dsl.training.verl_manager` and `reward.reward_manager.name=pyrag`.
"""

from __future__ import annotations

from typing import Any

from verl.experimental.reward_loop.reward_manager import register
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from .rewards import acompute_score

__all__ = ["PyragRewardManager", "acompute_score"]


@register("pyrag")
class PyragRewardManager(RewardManagerBase):  # type: ignore[misc]  # verl is not installed where types are checked
    """Scores one response for each call, on the event loop of the caller. Many calls may be in progress.

    It differs from verl's own manager in two ways: it does not change the row, and it lets `RewardUnavailable` pass, so
    that training stops if a reward cannot be computed.
    """

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any, **_of_generative_models: Any) -> None:
        super().__init__(config, tokenizer, compute_score)
        self.compute_score = compute_score or acompute_score

    async def run_single(self, data: Any) -> dict[str, Any]:
        """The score of the last sequence of `data`, a `DataProto`, as `reward_score` and `reward_extra_info`."""
        item = data[-1:][0]
        row, tensors = item.non_tensor_batch, item.batch
        response = tensors["responses"]
        length = int(tensors["attention_mask"][-response.shape[-1] :].sum())
        text = self.tokenizer.decode(response[:length], skip_special_tokens=True)
        found = await self.compute_score(
            data_source=row["data_source"],
            solution_str=text,
            ground_truth=row["reward_model"]["ground_truth"],
            extra_info=dict(row.get("extra_info") or {}),
        )
        return {"reward_score": found["score"], "reward_extra_info": dict(found)}
