"""Results that stand for attempts of which nothing has changed: where they are looked for."""

from pathlib import Path

from eval_pipeline.pipeline.reuse import MOST_EXPERIMENTS, find_reusable
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.stored import keep_experiment, results_of


def test_experiments_of_variants_do_not_hide_those_of_the_suite(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    keep_experiment(store, "old", results_of({"c1": "p"}), day=1)
    for number in range(MOST_EXPERIMENTS + 1):
        keep_experiment(store, f"sample-1-v{number}", results_of({"c1": "p"}), day=2, variant=f"v{number}")
    record = keep_experiment(store, "new", [], day=3)

    reusable = find_reusable(store, record, {("c1", 1): "f"})
    assert {log.experiment: set(attempts) for log, attempts in reusable.sources} == {"old": {("c1", 1)}}
