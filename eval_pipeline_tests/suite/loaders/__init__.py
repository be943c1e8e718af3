"""Tests of `eval_pipeline.suite.loaders`."""
