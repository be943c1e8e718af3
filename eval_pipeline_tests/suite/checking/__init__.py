"""Tests of `eval_pipeline.suite.checking`."""
