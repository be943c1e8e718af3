"""Build an attempt's trace: the root, the shared context below it, and complete runs that LangSmith accepts."""
