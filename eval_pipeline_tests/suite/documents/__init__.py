"""Tests of `eval_pipeline.suite.documents`."""
