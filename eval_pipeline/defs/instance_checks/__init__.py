"""Checks of a Dagster instance for `eval-pipeline doctor`."""
