"""Tests of eval_pipeline.evaluation.judging."""
