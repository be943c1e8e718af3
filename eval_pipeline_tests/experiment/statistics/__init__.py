"""Tests of `eval_pipeline.experiment.statistics`: each formula against an independent reference."""
