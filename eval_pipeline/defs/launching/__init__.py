"""Launching a suite's jobs in this process, on the Dagster instance that the UI shows."""
