"""Tests of `eval_pipeline.messages`."""
