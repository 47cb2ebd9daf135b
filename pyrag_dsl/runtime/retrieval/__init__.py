"""Passages and the ways to find them."""
