"""Tests of `eval_pipeline.langsmith`."""
