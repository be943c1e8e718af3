"""Limits, budgets, caches and costs of a run."""
