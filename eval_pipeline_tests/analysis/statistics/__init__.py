"""Tests of `eval_pipeline.analysis.statistics`: each formula against an independent reference."""
