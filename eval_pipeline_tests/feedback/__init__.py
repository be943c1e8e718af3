"""Tests of `eval_pipeline.feedback`."""
