"""Evaluating a task of cases outside the run that asked for it: in a process, a container, or AWS Lambda.

    task.py        a task and its answer: references, never data
    work.py        from a task to its answer, in every kind of worker
    command.py     the container's command, `eval-pipeline-worker`
    aws_lambda.py  the handlers of AWS Lambda

Results go to the store, where the caller reads them. Nothing here imports Dagster, so that the image of a worker need
not have it.
"""
