"""Checks of the Celery broker and workers."""

from collections.abc import Iterator, Mapping
from typing import Any

from eval_pipeline.dagster_ext.celery.versions import COMMAND, installed_versions
from eval_pipeline.doctor.finding import Finding, failed, ok, reason_of, warning, without_password

ANSWER_SECONDS = 3.0
_START = "start `celery --app eval_pipeline.dagster_ext.celery.app worker`"
_MOST_NAMED = 4


def check_celery(launcher: Any, most: int | None) -> Iterator[Finding]:
    """Check the broker, and the workers' queue, number and versions.

    Args:
        launcher: a `CeleryRunLauncher`; typed as Any because its package is optional.
        most: the maximum number of concurrent runs; None for no limit.
    """
    url = without_password(str(launcher.celery.conf.broker_url))
    try:
        with launcher.celery.connection_for_read(connect_timeout=ANSWER_SECONDS) as connection:
            connection.ensure_connection(max_retries=1, timeout=ANSWER_SECONDS)
    except Exception as error:  # noqa: BLE001 - each transport has errors of its own
        fix = "start the broker, or correct run_launcher.config.broker"
        yield failed("broker", f"{url}: {reason_of(error)}", fix=fix)
        return
    yield ok("broker", url)
    if type(launcher).__name__ == "CeleryRunLauncher":
        fix = "use eval_pipeline.dagster_ext.celery.launcher, class WatchedCeleryRunLauncher"
        yield warning("launcher", "a run whose worker's host dies counts as running until max_runtime_seconds", fix=fix)
    workers: Mapping[str, Any] = launcher.celery.control.inspect(timeout=ANSWER_SECONDS).stats() or {}
    if not workers:
        fix = f"{_START}, with the DAGSTER_HOME of this instance"
        yield failed("workers", f"no worker answers at {url}: runs wait, and fail after start_timeout_seconds", fix=fix)
        return
    yield from _slots(launcher, workers, most)
    yield from _versions(launcher, sorted(workers))


def _slots(launcher: Any, workers: Mapping[str, Any], most: int | None) -> Iterator[Finding]:
    """Check that the workers of the queue of runs have a slot for every concurrent run."""
    queue, inspect = launcher.default_queue, launcher.celery.control.inspect(list(workers), timeout=ANSWER_SECONDS)
    queues = inspect.active_queues() or {}
    elsewhere = {name for name in workers if name in queues and queue not in {each["name"] for each in queues[name]}}
    consuming = {name: stats for name, stats in workers.items() if name not in elsewhere}
    if not consuming:
        message = f"no worker takes runs from the queue {queue}: {', '.join(sorted(elsewhere))}"
        fix = f"{_START} with `-Q {queue}`, or correct run_launcher.config.default_queue"
        yield failed("workers", message, fix=fix)
        return
    slots = sum(int(stats.get("pool", {}).get("max-concurrency", 0)) for stats in consuming.values())
    if most is None or most > slots:
        message = f"{len(consuming)} with {slots} slots, for {most or 'any number of'} concurrent runs"
        fix = "set concurrency.runs.max_concurrent_runs to the slots: runs that wait at the broker fail after a while"
        yield warning("workers", message, fix=fix)
        return
    yield ok("workers", f"{len(consuming)} with {slots} slots: {', '.join(sorted(consuming))}")


def _versions(launcher: Any, names: list[str]) -> Iterator[Finding]:
    """Check that each worker was started with the versions that are installed here."""
    answers = launcher.celery.control.broadcast(COMMAND, destination=names, reply=True, timeout=ANSWER_SECONDS)
    reported = {name: versions for answer in answers or () for name, versions in answer.items() if "python" in versions}
    installed, all_equal = installed_versions(), True
    for name in names:
        difference = _difference(installed, reported[name]) if name in reported else "does not report its versions"
        if difference:
            all_equal = False
            fix = f"install the same versions on the worker's host, and {_START} again"
            yield warning("worker versions", f"{name}: {difference}", fix=fix)
    if all_equal:
        yield ok("worker versions", f"as on this host ({len(installed)} packages): {', '.join(names)}")


def _difference(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """The packages that both have in different versions; extras that only one of them has do not count."""
    apart = [f"{name} {there[name]} (here {here[name]})" for name in here if there.get(name, here[name]) != here[name]]
    more = [] if len(apart) <= _MOST_NAMED else [f"and {len(apart) - _MOST_NAMED} more"]
    return ", ".join(apart[:_MOST_NAMED] + more)
