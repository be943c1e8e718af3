"""Experiments compared: differences with their intervals, preferences of a judge, comparisons in LangSmith."""
