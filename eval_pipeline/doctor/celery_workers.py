"""Checks of Celery's side of a fleet: its broker, and what the workers there say of themselves."""

from collections.abc import Iterator, Mapping
from typing import Any

from eval_pipeline.dagster_ext.celery.versions import COMMAND, installed_versions
from eval_pipeline.doctor.finding import Finding, failed, ok, warning
from eval_pipeline.doctor.secretive import reason_of, without_password

ANSWER_SECONDS = 3.0
_START = "start `celery --app eval_pipeline.dagster_ext.celery.app worker`"
_MOST_NAMED = 4


def check_celery(launcher: Any, most: int | None) -> Iterator[Finding]:
    """Look at the broker and the workers of a launcher of Celery's.

    Args:
        launcher: a `CeleryRunLauncher`, whose package may be missing here.
        most: runs that may be under way; None is no limit.
    """
    url = without_password(str(launcher.celery.conf.broker_url))
    try:
        with launcher.celery.connection_for_read(connect_timeout=ANSWER_SECONDS) as connection:
            connection.ensure_connection(max_retries=1, timeout=ANSWER_SECONDS)
    except Exception as error:  # noqa: BLE001 - a kind for each transport
        fix = "start the broker, or correct run_launcher.config.broker"
        yield failed("broker", f"{url}: {reason_of(error)}", fix=fix)
        return
    yield ok("broker", url)
    if type(launcher).__name__ == "CeleryRunLauncher":
        fix = "use eval_pipeline.dagster_ext.celery.launcher, class WatchedCeleryRunLauncher"
        yield warning("launcher", "a run whose worker's host dies is waited for until max_runtime_seconds", fix=fix)
    workers: Mapping[str, Any] = launcher.celery.control.inspect(timeout=ANSWER_SECONDS).stats() or {}
    if not workers:
        fix = f"{_START}, with the DAGSTER_HOME of this instance"
        yield failed("workers", f"none answers at {url}: runs wait, and fail after start_timeout_seconds", fix=fix)
        return
    yield from _places(launcher, workers, most)
    yield from _versions(launcher, sorted(workers))


def _places(launcher: Any, workers: Mapping[str, Any], most: int | None) -> Iterator[Finding]:
    """Whether there is a place for every run, at workers that take from the queue of runs."""
    queue, asked = launcher.default_queue, launcher.celery.control.inspect(list(workers), timeout=ANSWER_SECONDS)
    queues = asked.active_queues() or {}
    elsewhere = {name for name in workers if name in queues and queue not in {found["name"] for found in queues[name]}}
    taking = {name: found for name, found in workers.items() if name not in elsewhere}
    if not taking:
        message = f"none takes from the queue {queue}, to which runs go: {', '.join(sorted(elsewhere))}"
        yield failed(
            "workers", message, fix=f"{_START} with `-Q {queue}`, or correct run_launcher.config.default_queue"
        )
        return
    places = sum(int(found.get("pool", {}).get("max-concurrency", 0)) for found in taking.values())
    if most is None or most > places:
        message = f"{len(taking)} with {places} places, for {most or 'any number of'} runs at a time"
        fix = "set concurrency.runs.max_concurrent_runs to the places: what waits at the broker fails after a while"
        yield warning("workers", message, fix=fix)
        return
    yield ok("workers", f"{len(taking)} with {places} places: {', '.join(sorted(taking))}")


def _versions(launcher: Any, names: list[str]) -> Iterator[Finding]:
    """Whether each worker was started with the versions that this process has."""
    answers = launcher.celery.control.broadcast(COMMAND, destination=names, reply=True, timeout=ANSWER_SECONDS)
    told = {name: versions for answer in answers or () for name, versions in answer.items() if "python" in versions}
    here, right = installed_versions(), True
    for name in names:
        apart = _apart(here, told[name]) if name in told else "does not say which it has"
        if apart:
            right = False
            fix = f"install there what is installed here, and {_START} again"
            yield warning("worker versions", f"{name}: {apart}", fix=fix)
    if right:
        yield ok("worker versions", f"those of this host ({len(here)} packages): {', '.join(names)}")


def _apart(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """What differs, of what both have: an extra that only one of them needs is no difference."""
    found = [f"{name} {there[name]} (here {here[name]})" for name in here if there.get(name, here[name]) != here[name]]
    more = [] if len(found) <= _MOST_NAMED else [f"and {len(found) - _MOST_NAMED} more"]
    return ", ".join(found[:_MOST_NAMED] + more)
