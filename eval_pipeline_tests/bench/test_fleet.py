"""The benchmark of a fleet: it reports what is lost. The drill itself is that of `deploy/test_celery.py`."""

from bench.fleet import figures_of, wrong_in
from eval_pipeline_tests.deploy.drill import Drill

DRILL = Drill(
    status="COMPLETED_SUCCESS",
    experiments=1,
    results=39,
    rows_of_results=40,
    rows=41,
    cases_with_rows=40,
    materializations=40,
    partitions=40,
    paid_twice=4,
    wrong=0,
    summary={},
    runs=5,
    lost=1,
    runs_per_minute=30.0,
    first_start_s=1.0,
    launch_s=0.3,
    run_s=1.7,
    recovery_s=20.0,
)


def test_what_is_lost_or_there_twice_is_an_error() -> None:
    assert wrong_in(DRILL, 40) == ["results is 39, not 40", "rows is 41, not 40"]


def test_its_figures_are_those_of_the_drill_and_the_memory_of_each_part() -> None:
    figures = figures_of("fleet", DRILL, 40, {"web_mb": 130.0})

    assert figures.ours["recovery_s"] == 20.0
    assert figures.ours["web_mb"] == 130.0
    assert "5 runs, 1 lost; 39 results" in figures.notes[0]
