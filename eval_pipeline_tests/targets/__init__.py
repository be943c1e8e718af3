"""Tests of `eval_pipeline.targets`."""
