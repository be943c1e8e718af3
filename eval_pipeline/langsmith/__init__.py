"""LangSmith and the recorder behind one client: protocol, errors, datasets, experiments, feedback and queues.

Nothing here knows suites, results or traces; `tracing` uses it for those.
"""
