"""The Celery app of the instance in DAGSTER_HOME: `celery --app eval_pipeline.dagster_ext.celery.app worker`."""

import dagster as dg

from eval_pipeline.dagster_ext.celery.worker import worker_app

app = worker_app(dg.DagsterInstance.get())
