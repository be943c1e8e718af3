"""Judging by chat models: the question, the prompt, the panel, and what identifies them all in a fingerprint."""
