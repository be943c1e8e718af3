"""Tests of `eval_pipeline.analysis.gates`."""
