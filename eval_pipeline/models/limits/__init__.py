"""How fast, how long and at what price a run calls its models: limits, retries, budget, breaker, cache, usage."""
