"""Tests of `eval_pipeline.dagster_ext`."""
