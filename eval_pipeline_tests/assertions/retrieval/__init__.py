"""Tests of eval_pipeline.assertions.retrieval."""
