"""Collecting the runs of an attempt: what LangChain and LangSmith trace, and what agents report."""
