"""Tests of `eval_pipeline.models`."""
