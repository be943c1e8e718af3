"""How long an evaluation of many cases takes, what it costs, and what holds it up, before it is begun.

    workload.py    what is evaluated, and with what
    constants.py   what a case, a task, a run cost this package, and prices; each with its source
    model.py       stages → seconds, and the one that decides
    cost.py        dollars, and what does not fit

A model to choose a deployment by, not a promise: docs/scaling.md compares it with runs that were measured.
"""
