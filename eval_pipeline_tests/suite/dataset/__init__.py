"""Tests of `eval_pipeline.suite.dataset`."""
