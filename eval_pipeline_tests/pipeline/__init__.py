"""Tests of `eval_pipeline.pipeline`."""
