"""Tests of `eval_pipeline.tracing.send`."""
