"""Estimate how long an evaluation of many cases takes, what it costs, and what its bottleneck is.

    workload.py    what is evaluated, and by which deployment
    constants.py   seconds, megabytes and prices, each with its source
    model.py       the seconds of each stage, and the bottleneck
    cost.py        dollars, and warnings of limits
    scenario.py    all parameters together

The model is for choosing a deployment; docs/scaling.md compares it with measured runs.
"""
