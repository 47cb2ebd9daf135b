"""Everything that happens outside a pass: engine, tools, hooks, events, traces."""
