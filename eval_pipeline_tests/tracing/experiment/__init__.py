"""Tests of `eval_pipeline.tracing.experiment`."""
