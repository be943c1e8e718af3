"""Tests of `eval_pipeline.suite.spec`."""
