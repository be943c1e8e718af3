"""Commands that evaluate: `run` and `watch`."""
