"""Tests of `eval_pipeline.redaction`."""
