"""Training of the models behind plans: rewards, data sets, and commands for the trainers verl and TRL."""

from .referee import Referee, RewardUnavailable
from .rewards import acompute_score, compute_score, trl_reward

__all__ = ["Referee", "RewardUnavailable", "acompute_score", "compute_score", "trl_reward"]
