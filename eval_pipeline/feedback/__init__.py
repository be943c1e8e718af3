"""From LangSmith back into evaluations: human verdicts, queues for human review, and production runs as cases."""
