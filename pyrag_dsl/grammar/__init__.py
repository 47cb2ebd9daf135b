"""Text to program, or diagnostics. Knows nothing of running."""
