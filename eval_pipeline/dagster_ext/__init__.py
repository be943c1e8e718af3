"""Extensions that stand on Dagster's private parts, each with its reason, its fallback and its test.

Event log storages that write many events at once, partition events, the newest data versions, and the Celery launcher.
"""
