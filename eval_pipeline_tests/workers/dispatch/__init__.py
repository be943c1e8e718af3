"""Tests of `eval_pipeline.workers.dispatch`."""
