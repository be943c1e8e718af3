"""Calling code of the user's: its signature, its thread or event loop, and exceptions that must not end the run."""
