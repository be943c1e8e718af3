"""Tests of `eval_pipeline.content`."""
