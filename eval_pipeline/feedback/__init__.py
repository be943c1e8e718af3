"""From LangSmith back into evaluations: people's verdicts, queues for their review, and production runs as cases."""
