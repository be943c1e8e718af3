"""Tracing to LangSmith: what a case's trace is made of, and how it gets there. Never imports Dagster."""
