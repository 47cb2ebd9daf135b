"""Data sets and rewards for reinforcement learning."""
