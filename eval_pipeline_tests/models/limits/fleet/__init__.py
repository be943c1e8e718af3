"""Tests of eval_pipeline.models.limits.fleet."""
