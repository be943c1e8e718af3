"""`python -m eval_pipeline.workers`: the same as `eval-pipeline-worker`."""

from eval_pipeline.workers.command import program

program()
