"""Validation of a suite beyond single fields: everything that can be known to be wrong before a run."""
