"""Comparisons of two experiments: differences with intervals, preferences of a judge, comparisons in LangSmith."""
