"""The differential test against LangSmith's `evaluate`: datasets, targets and evaluators that both are given."""
