"""Evaluate LangChain / LangGraph agents at scale, as a Dagster project.

Query the shared context once, evaluate every case against it. Sub-packages, left to right in the direction data
flows: `suite`, `context`, `evaluation`, `experiment`; `assets` is their Dagster face. Nothing is imported here, so
that `import eval_pipeline` stays free of cost.
"""
