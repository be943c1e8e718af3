"""Metrics over all cases of an experiment: `summary:` of suite.yaml."""
