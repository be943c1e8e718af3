"""Runs the jobs of a suite in the terminal's process, on the Dagster instance that the UI shows."""
