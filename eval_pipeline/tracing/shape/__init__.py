"""Shaping an attempt's trace: the root, the shared context below it, complete runs that LangSmith accepts."""
