"""Tests of `eval_pipeline.fan_out`."""
