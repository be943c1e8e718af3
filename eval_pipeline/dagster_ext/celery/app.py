"""For `celery --app eval_pipeline.dagster_ext.celery.app worker`: the app of the instance that DAGSTER_HOME names."""

import dagster as dg

from eval_pipeline.dagster_ext.celery.worker import worker_app

app = worker_app(dg.DagsterInstance.get())
