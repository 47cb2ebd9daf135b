"""The outside world: tools, engine, traces, retrieval."""
