"""Validation of a suite beyond single fields, before it is run."""
