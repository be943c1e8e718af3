"""A state machine of AWS Step Functions that evaluates a suite without Dagster: prefetch, map over tasks, summarise."""
