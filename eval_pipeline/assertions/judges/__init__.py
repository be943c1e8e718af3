"""Judging by chat models: the question, the prompt, the panel, and people's corrections as examples."""
