"""Tests of `eval_pipeline.doctor`."""
