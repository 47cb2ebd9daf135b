"""Metrics and batch runs."""
