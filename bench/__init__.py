"""Benchmarks: `python -m bench.<name> [--quick] [--json]`.

    engine, tracing, pipeline    cost of a case, compared with LangSmith's `aevaluate`, Inspect AI, pydantic-evals
    differential                 whether 150 mixed cases give the same rows, events and runs on two commits
    context                      opening a large shared context
    gates, variants              error rates of the regression gate, and of successive halving, by simulation
    events, partitions, fleet    Dagster's events, one case of many, a Celery deployment
    scaling                      the model of `eval-pipeline scaling` compared with measured runs

measuring.py runs the sides (`sides/`), each in a process of its own; report.py prints the figures.
"""
