"""Tests of `eval_pipeline.scaling`."""
