"""Tests of `eval_pipeline.prompts`."""
