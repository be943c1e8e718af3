"""Tests of `eval_pipeline.promotion`."""
