"""Tests of `eval_pipeline.cli.variants`."""
