"""Checks of the Dagster instance: its configuration, databases, daemons, compute logs, and runs without a process."""

from collections.abc import Iterator, Sequence
from functools import partial

import sqlalchemy.exc

from eval_pipeline.dagster_ext.instance_facts import InstanceFacts, open_instance_facts
from eval_pipeline.dagster_ext.local_launcher import lost_runs
from eval_pipeline.defs.launching.cli_runs import silent_runs, unended_runs
from eval_pipeline.defs.launching.instance import check_dagster_yaml
from eval_pipeline.doctor.finding import Finding, causes_of, failed, findings_of, ok, reason_of, warning
from eval_pipeline.doctor.launching import check_launching
from eval_pipeline.errors import InputError
from eval_pipeline.settings import PipelineSettings

HEARTBEAT_SECONDS = 300.0
_MOST_NAMED = 3
_TERMINATE = "terminate it in the UI, with `Force termination immediately`, if its process is gone"
DATABASE_FIX = (
    "check that the server runs, and its address, user and password; run `dagster instance migrate` after an upgrade"
)


def check_instance() -> Iterator[Finding]:
    """Check the instance that DAGSTER_HOME names, and everything it is configured with."""
    home = PipelineSettings.from_environment().dagster_home
    if home is None or not home.is_absolute():
        fix = "set DAGSTER_HOME to the absolute path of the folder that holds dagster.yaml"
        yield failed("instance", "DAGSTER_HOME is not set" if home is None else f"{home} is not absolute", fix=fix)
        return
    if not (home / "dagster.yaml").is_file():
        yield warning("instance", f"{home} has no dagster.yaml", fix="copy one from deploy/")
    try:
        check_dagster_yaml(home)
    except InputError as error:
        for problem in error.problems:
            yield failed("instance", f"{problem.file}:{problem.line}: {problem.message}", fix=problem.fix)
        return
    try:
        with open_instance_facts() as facts:
            yield ok("instance", str(home))
            databases = list(_databases(facts))
            yield from databases
            if all(finding.health == "ok" for finding in databases):
                yield from findings_of("daemon", partial(_daemons, facts))
                yield from findings_of("launching", partial(check_launching, facts))
                yield from findings_of("runs", partial(_runs, facts))
                yield from findings_of("logs", partial(_logs, facts))
    except Exception as error:  # noqa: BLE001 - Dagster raises many kinds of errors when it loads dagster.yaml
        if any(isinstance(cause, sqlalchemy.exc.DBAPIError) for cause in causes_of(error)):
            yield failed("database", reason_of(error), fix=DATABASE_FIX)
        else:
            yield failed("instance", reason_of(error), fix=f"correct {home}/dagster.yaml")


def _databases(facts: InstanceFacts) -> Iterator[Finding]:
    try:
        facts.read_databases()
    except Exception as error:  # noqa: BLE001 - each database driver has errors of its own
        yield failed("database", reason_of(error), fix=DATABASE_FIX)
        return
    yield ok("database", "runs, events and partitions can be read")


def _daemons(facts: InstanceFacts) -> Iterator[Finding]:
    daemons = facts.daemons()
    late = sorted(name for name, daemon in daemons.items() if daemon.heartbeat_age_s > HEARTBEAT_SECONDS)
    with_errors = sorted(name for name, daemon in daemons.items() if daemon.has_errors)
    fix = "start `dagster-daemon run`, once per instance"
    if not daemons:
        message = "no daemon has ever run: schedules, sensors, backfills and the queue do not work"
        yield warning("daemon", message, fix=fix)
    elif late:
        yield warning("daemon", f"no heartbeat for five minutes: {', '.join(late)}", fix=fix)
    elif with_errors:
        yield warning("daemon", f"errors in {', '.join(with_errors)}", fix="see the daemon's log")
    else:
        yield ok("daemon", f"running: {', '.join(sorted(daemons))}")


def _logs(facts: InstanceFacts) -> Iterator[Finding]:
    """Check the bucket of compute logs: without it runs succeed, but their output is lost."""
    bucket = facts.log_bucket()
    if bucket is None:
        return
    import boto3  # noqa: PLC0415 - takes a second to import, which is not needed without a bucket

    try:
        boto3.client("s3").head_bucket(Bucket=bucket)
    except Exception as error:  # noqa: BLE001 - boto3 has many kinds of errors
        fix = "create the bucket, allow s3:ListBucket, or correct compute_logs in dagster.yaml"
        yield failed("logs", f"s3://{bucket}: {reason_of(error)}", fix=fix)
        return
    yield ok("logs", f"s3://{bucket}")


def _runs(facts: InstanceFacts) -> Iterator[Finding]:
    """Look for runs that Dagster shows as running although their process may be gone."""
    unended = unended_runs(facts.instance)
    dead = [run.run_id for run in unended if run.is_of_this_host]
    elsewhere = [f"{run.run_id} of {run.host}" for run in unended if not run.is_of_this_host]
    silent = silent_runs(facts.instance)
    if dead:
        fix = "run `eval-pipeline run` or `eval-pipeline ui` with this DAGSTER_HOME: it marks them as failed"
        yield warning("runs", f"shown as running, but their process is gone: {_named(dead)}", fix=fix)
    if elsewhere:
        message = f"shown as running on other hosts, which cannot be checked from here: {_named(elsewhere)}"
        yield warning("runs elsewhere", message, fix=f"run `eval-pipeline doctor` there, or {_TERMINATE}")
    if silent:
        message = f"running for more than a day without a sign of life: {_named(silent)}"
        yield warning("silent runs", message, fix=_TERMINATE)
    lost = lost_runs(facts.instance)
    if lost:
        named = _named([f"{run_id} ({reason[0].lower()}{reason[1:].rstrip('.')})" for run_id, reason in lost.items()])
        fix = "start the daemon (`eval-pipeline ui`), which marks them as failed within a minute"
        yield warning("killed runs", f"shown as running, but killed: {named}", fix=fix)
    if not (dead or elsewhere or silent or lost):
        yield ok("runs", "no run is shown as running without a process")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
