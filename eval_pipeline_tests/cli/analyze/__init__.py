"""Tests of `eval_pipeline.cli.analyze`."""
