"""Tests of `eval_pipeline.context`."""
