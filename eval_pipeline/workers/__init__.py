"""What evaluates a task of cases outside the run that asked for it: in a process, a container, or AWS Lambda.

    task.py        what a worker is told: references, never data
    work.py        from a task to its answer; the same whoever is told
    command.py     the container's command, `eval-pipeline-worker`
    aws_lambda.py  the handlers of AWS Lambda

Results go to the store, where whoever asked finds them. Nothing here imports Dagster, so that an image of a worker
need not have it.
"""
