"""Tests of `eval_pipeline.experiment.report`."""
