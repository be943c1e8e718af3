"""Tests of `eval_pipeline.worker`."""
