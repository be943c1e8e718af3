"""Tests of `eval_pipeline.cli.deployment`."""
