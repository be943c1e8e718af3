"""Tests of `eval_pipeline.tracing.shape`."""
