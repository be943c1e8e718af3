"""What decides how long a run takes, what it costs, and what does not fit."""

import heapq
import math
import random
from dataclasses import replace

import pytest

from eval_pipeline.scaling.constants import Constants
from eval_pipeline.scaling.model import REMEDY, predict
from eval_pipeline.scaling.scenario import Scenario
from eval_pipeline.scaling.workload import Deployment, Workload

_LOAD = Workload(cases=10_000, seconds=10.0, requests=4, traced=False)
_FREE = Constants(start_s=0.0, worker_start_s=0.0, task_s=0.0, lambda_cold_s=0.0, backfill_s=0.0, run_s=0.0)


def test_concurrent_attempts_wait_at_the_same_time() -> None:
    prediction = predict(_LOAD, Deployment(concurrency=50), _FREE)
    assert (prediction.duration_s, prediction.bottleneck) == (2_000.0, "agent")


def test_a_request_limit_holds_for_all_workers_together() -> None:
    by = Deployment(kind="lambda", workers=100, concurrency=8, requests_per_minute=600)
    for shared in (False, True):
        prediction = predict(_LOAD, replace(by, shared_limits=shared), _FREE)
        assert (prediction.duration_s, prediction.bottleneck) == (4_000.0, "requests")


def test_shares_of_a_limit_are_lost_when_workers_leave_unless_limits_are_shared() -> None:
    by = Deployment(kind="lambda", workers=300, concurrency=25, requests_per_minute=600)
    apart, together = (predict(_LOAD, replace(by, shared_limits=shared), _FREE) for shared in (False, True))
    assert (apart.waves, apart.duration_s) == (2, 2 * 25 * 4 * 60 * 300 / 600)
    assert together.duration_s == 4_000.0


@pytest.mark.parametrize(
    ("load", "by", "bottleneck"),
    [
        ({}, {"tokens_per_minute": 1_000}, "tokens"),
        ({"seconds": 0.001}, {"concurrency": 50}, "cores"),
        ({"seconds": 0.001}, {"kind": "lambda", "workers": 1_000}, "collecting"),
        ({"seconds": 0.1}, {"kind": "ecs", "workers": 10, "cases_per_task": 25}, "starting"),
    ],
)
def test_each_stage_can_be_the_one_that_decides(
    load: dict[str, object], by: dict[str, object], bottleneck: str
) -> None:
    estimate = Scenario.of({"traced": False, **load, **by}).estimate(10_000)
    assert estimate.prediction.bottleneck == bottleneck
    assert bottleneck in REMEDY


@pytest.mark.parametrize("workers", [3, 16, 40])
def test_waves_are_what_a_simulation_of_the_tasks_gives(workers: int) -> None:
    by = Deployment(kind="subprocess", workers=workers, concurrency=4, cases_per_task=25)
    load = replace(_LOAD, cases=2_000)
    chance = random.Random(7)
    # Attempts that take 10 s on average and vary by a third, on slots that take the next as soon as they are free.
    free = [0.0] * workers
    for _ in range(math.ceil(load.cases / by.cases_per_task)):
        slots = [heapq.heappop(free)] * by.concurrency
        for _ in range(by.cases_per_task):
            heapq.heappush(slots, heapq.heappop(slots) + chance.uniform(5.0, 15.0))
        heapq.heappush(free, max(slots))
    assert predict(load, by, _FREE).duration_s == pytest.approx(max(free), rel=0.15)


def test_models_workers_and_storage_are_paid_for() -> None:
    scenario = Scenario.of({"kind": "lambda", "workers": 100, "trace": 0.001})
    paid = scenario.estimate(100_000).dollars
    assert paid["models"] == pytest.approx(100_000 * (4_000 * 0.15 + 500 * 0.60) / 1e6)
    assert paid["traces"] == pytest.approx(100.0)
    # 4,000 tasks of (40 + 0.4) s in 2 GB.
    assert paid["workers"] == pytest.approx(4_000 * (40.4 * 2 * 0.0000166667 + 0.0000002))
    assert 0 < paid["storage"] < 2
    assert Scenario.of({}).estimate(100_000).dollars["workers"] == 0


@pytest.mark.parametrize(
    ("given", "cases", "names"),
    [
        ({}, 10_000, set()),
        ({}, 1_000_000, {"page"}),
        ({}, 10_000_000, {"page", "memory"}),
        ({"kind": "lambda", "seconds": 300, "workers": 2_000}, 1_000, {"task", "calls"}),
        ({"kind": "celery", "requests_per_minute": 100}, 1_000, {"limits"}),
        ({"kind": "step_functions", "alone": True, "workers": 1_000}, 10_000_000, {"summary", "traces"}),
        ({"unified": True}, 10_000, {"unified"}),
    ],
)
def test_what_does_not_fit_is_reported(given: dict[str, object], cases: int, names: set[str]) -> None:
    assert Scenario.of(given).estimate(cases).warnings.keys() == names
