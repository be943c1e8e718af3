"""Submits runs from within a run, to the queue of the same Dagster deployment.

Dagster's public ways to request a run are a schedule, a sensor, and a client of its web server, which workers cannot
always reach. `DagsterInstance.create_run_for_job` and `submit_run`, which its own daemon calls, and the origins of runs
are undocumented. If they change, the run fails and names the job to launch instead; a test fails then.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from eval_pipeline.errors import PermanentError


def submit_run(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    job: dg.JobDefinition,
    tags: Mapping[str, str],
    run_config: Mapping[str, Any] | None = None,
) -> str:
    """Submit a run of a job of the code location that `run` is of, and return its id.

    Args:
        instance: the instance of both.
        run: the run that submits it.
        job: what to run.
        tags: of the new run, such as those of a range of partitions.
        run_config: of the new run.

    Raises:
        PermanentError: Dagster does not take the run.
    """
    fix = f"launch the job {job.name} over its partitions: they are registered"
    if run.remote_job_origin is None or run.job_code_origin is None:
        raise PermanentError("the run is of no code location, so that it cannot launch others", fix=fix)
    try:
        from dagster._core.origin import JobPythonOrigin  # noqa: PLC0415 - private: may be missing in a new version
        from dagster._core.remote_origin import RemoteJobOrigin  # noqa: PLC0415 - as above

        repository = run.remote_job_origin.repository_origin
        created = instance.create_run_for_job(
            job_def=job,
            run_config=run_config,
            tags={**job.run_tags, ".dagster/repository": repository.get_label(), **tags},
            remote_job_origin=RemoteJobOrigin(repository, job.name),
            job_code_origin=JobPythonOrigin(job.name, run.job_code_origin.repository_origin),
        )
        # A queue needs no workspace; the daemon, which has one, launches the run.
        submitted = instance.submit_run(created.run_id, workspace=None)  # type: ignore[arg-type]
    except Exception as error:
        raise PermanentError(f"Dagster does not take a run of {job.name}: {error}", fix=fix) from error
    return submitted.run_id
