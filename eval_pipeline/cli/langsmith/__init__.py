"""Commands that exchange data with LangSmith: `annotate`, `cases`, `corrections`, `traces`."""
