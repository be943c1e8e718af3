"""`deploy/celery`, all of it: a worker that dies loses nothing, and a run that is cancelled stays so."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from eval_pipeline_tests.cli.terminal import terminal
from eval_pipeline_tests.deploy.celery_fleet import CeleryFleet, running_fleet
from eval_pipeline_tests.deploy.counted_suite import CountedSuite
from eval_pipeline_tests.deploy.drill import CASE_RESULTS, backfilled, prepare
from eval_pipeline_tests.quick_dagster import WARM_DAEMON

CASES = 100


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CeleryFleet]:
    folder = tmp_path_factory.mktemp("fleet")
    suite = CountedSuite(folder=folder / "suite", cases=CASES, cases_per_run=25, seconds=0.05)
    suite.write()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANGSMITH_TRACING", "true")
        with running_fleet(folder, suite, daemon=WARM_DAEMON, warm=True) as running:
            prepare(running)
            yield running


def test_the_doctor_finds_nothing_wrong_with_it(
    fleet: CeleryFleet, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in fleet.environment.items():
        monkeypatch.setenv(name, value)
    ask = terminal(monkeypatch, capfd)

    def nothing_wrong() -> Any:
        # Daemons give signs of life after a while, and a worker on a busy machine answers late.
        findings: Any = ask("doctor", "--json").document
        return findings if all(found["health"] == "ok" for found in findings) else None

    messages = {found["subject"]: found["message"] for found in fleet.until(nothing_wrong)}
    parts = {"broker", "workers", "worker versions", "monitoring", "recording", "logs", "clock", "daemon", "queue"}
    assert messages.keys() >= parts
    assert messages["workers"].startswith("2 with 2 slots: worker-1@")


def test_a_backfill_whose_worker_is_killed_mid_run_ends_with_everything_there_once(fleet: CeleryFleet) -> None:
    found = backfilled(fleet, kill_at=CASES // 2 + 10)

    assert found.status == "COMPLETED_SUCCESS", fleet.logs()
    assert (found.runs, found.lost) == (5, 1)
    assert found.experiments == 1
    assert (found.results, found.wrong) == (CASES, 0)
    assert (found.rows, found.cases_with_rows) == (CASES, CASES)
    assert (found.materializations, found.partitions) == (CASES, CASES)
    # Of what was in flight in the worker, or done and not durable yet.
    assert found.paid_twice <= 25
    assert found.summary["status_counts"] == {"passed": 80, "failed": 20}
    assert found.summary["pass_rate"]["mean"] == 0.8


def test_a_cancelled_run_ends_as_cancelled_and_is_not_launched_again(fleet: CeleryFleet) -> None:
    waits = fleet.suite.waits_at(5)
    waits.touch()
    before = fleet.suite.calls()
    backfill = fleet.api.backfill([CASE_RESULTS], fleet.suite.keys[:10])
    fleet.until(lambda: fleet.suite.calls()[5] > before[5])
    (run,) = fleet.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill}))

    fleet.api.terminate(run.run_id)
    status = fleet.end_of_run(run.run_id)
    waits.unlink()

    assert status == "CANCELED", fleet.logs()
    fleet.end_of_backfill(backfill)
    assert len(fleet.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill}))) == 1
