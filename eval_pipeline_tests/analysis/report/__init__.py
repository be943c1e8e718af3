"""Tests of `eval_pipeline.analysis.report`."""
