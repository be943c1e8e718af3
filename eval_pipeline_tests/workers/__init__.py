"""Tests of `eval_pipeline.workers`."""
