"""`python -m eval_pipeline.worker`: the same as `eval-pipeline-worker`.

Belongs here: nothing but the call.
"""

from eval_pipeline.worker.command import program

program()
