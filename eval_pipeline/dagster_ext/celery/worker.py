"""What a Celery worker runs: the tasks of the instance's own launcher.

Its broker, queue and options are those of the launcher in `dagster.yaml`, so that there is one place that says them;
`dagster-celery worker start` would want them again in a file of its own, and costs a process more.
"""

from typing import Any

import dagster as dg
from celery import Celery
from celery.worker.control import inspect_command
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from eval_pipeline.dagster_ext.celery.versions import COMMAND, installed_versions
from eval_pipeline.errors import PermanentError

_VERSIONS = installed_versions()
"""Of what this process has imported: what is installed may be renewed while it runs."""


def worker_app(instance: dg.DagsterInstance) -> Celery:
    """The app that executes what the instance's launcher launches.

    Raises:
        PermanentError: runs of this instance do not go through Celery.
    """
    launcher = instance.run_launcher
    if not isinstance(launcher, CeleryRunLauncher):
        fix = "set DAGSTER_HOME to the folder of a dagster.yaml such as deploy/celery/dagster.yaml"
        raise PermanentError(f"runs go through {type(launcher).__name__}, not through Celery", fix=fix)
    create_execute_job_task(launcher.celery)
    create_resume_job_task(launcher.celery)
    return launcher.celery


def _versions(state: Any) -> dict[str, str]:
    """What a worker answers to `eval_pipeline_versions`, a command of Celery's remote control."""
    del state
    return _VERSIONS


inspect_command(name=COMMAND)(_versions)
