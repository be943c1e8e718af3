"""Tests of eval_pipeline.evaluation.throughput.fleet."""
