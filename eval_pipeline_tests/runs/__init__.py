"""Tests of `eval_pipeline.runs`."""
