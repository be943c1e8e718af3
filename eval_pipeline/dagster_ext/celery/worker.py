"""The Celery app that workers run: the tasks of the run launcher in `dagster.yaml`.

Broker, queue and options come from the launcher's configuration, so they are written once. `dagster-celery worker
start` would need a configuration file of its own, and one more process.
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
"""The versions at the start of this process; packages may be upgraded while it runs."""


def worker_app(instance: dg.DagsterInstance) -> Celery:
    """The app that executes the runs of the instance's launcher.

    Raises:
        PermanentError: the instance does not launch runs through Celery.
    """
    launcher = instance.run_launcher
    if not isinstance(launcher, CeleryRunLauncher):
        fix = "set DAGSTER_HOME to the folder of a dagster.yaml such as deploy/celery/dagster.yaml"
        raise PermanentError(
            f"the instance launches runs through {type(launcher).__name__}, not through Celery", fix=fix
        )
    create_execute_job_task(launcher.celery)
    create_resume_job_task(launcher.celery)
    return launcher.celery


def _versions(state: Any) -> dict[str, str]:
    """Answer `eval_pipeline_versions`, a command of Celery's remote control."""
    del state
    return _VERSIONS


inspect_command(name=COMMAND)(_versions)
