"""Tests of `eval_pipeline.tracing.collect`."""
