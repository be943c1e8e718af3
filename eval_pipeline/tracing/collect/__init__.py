"""Collect the runs of an attempt: those that LangChain and LangSmith trace, and those that agents report as events."""
