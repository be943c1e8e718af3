"""Giving the cases of a run to workers, wherever those are, and reading back what they made.

    planning.py      cases → tasks
    running.py       tasks → results, as they appear in the store; the same for every kind of worker
    workers.py       what a kind of worker is, and choosing one by `compute:` of the suite
    subprocesses.py, lambdas.py, ecs.py, state_machine.py    one kind each
    definition.py    the state machine of AWS Step Functions, made from a suite

Results come back through the store alone, whatever an answer says: an answer may be lost, what is durable is not.
"""
