"""Giving the cases of a run to workers and reading back their results.

    fan_out.py       a run's attempts, given to workers and recorded
    planning.py      cases → tasks
    dispatcher.py    tasks → results, as they appear in the store; the same for every kind of worker
    workers.py       what a kind of worker is, and opening one by `compute:` of the suite
    subprocesses.py, lambdas.py, ecs.py, state_machine.py    one kind each

Results come back through the store alone, whatever an answer says: an answer may be lost, a durable result is not.
"""
