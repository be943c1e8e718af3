"""For `celery --app eval_pipeline.celery_runs.app worker`: the app of the instance that DAGSTER_HOME names.

Belongs here: that line, which Celery imports. Does not belong here: anything else.
"""

import dagster as dg

from eval_pipeline.celery_runs.worker import worker_app

app = worker_app(dg.DagsterInstance.get())
