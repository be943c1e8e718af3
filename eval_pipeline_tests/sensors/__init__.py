"""Tests of `eval_pipeline.sensors`."""
