"""`baseline: {rescore: true}`: a metric that changed is compared after the baseline's answers were scored by it."""

from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.analysis.baseline import last_passed
from eval_pipeline.analysis.verdict import verdict_of, write_verdict
from eval_pipeline.evaluation.fingerprints import metric_versions
from eval_pipeline.pipeline.rescored_baseline import conclude_suite
from eval_pipeline.results.experiment_record import ExperimentRecord, experiments_newest_first
from eval_pipeline.results.result_log import ResultLog
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.suite import Suite
from eval_pipeline.user_code.loop import run_in_loop
from eval_pipeline_tests.analysis.stored import keep_experiment
from eval_pipeline_tests.building import an_evaluator, written_suite
from eval_pipeline_tests.pipeline.test_reused_answers import FILES
from eval_pipeline_tests.suite.code.test_suite_modules import write

CASES = [{"id": name, "input": name} for name in "abcdefgh"]
OFF = LangSmithSettings(mode="off")
GATES = {"max_regression": {"metric": "found", "test": "any"}}


class Suites:
    """A suite in a store, evaluated with one value of its assertion after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store, self.day = write(folder, FILES), LocalStore(folder.parent / "store"), 0

    def suite(self, value: str, **fields: Any) -> Suite:
        asserted = [{"type": "regex", "value": value, "name": "found"}]
        target = {"kind": "python", "path": "agent.py:answer"}
        return written_suite(self.folder, cases=CASES, target=target, assertions=asserted, **fields)

    def evaluated(self, name: str, suite: Suite) -> ExperimentRecord:
        self.day += 1
        cases, evaluator = [Case.model_validate(case) for case in CASES], an_evaluator(suite)
        metrics = metric_versions(suite)
        record = keep_experiment(self.store, name, [], cases=cases, day=self.day, metrics=metrics)
        attempts = [attempt for case in cases for attempt in evaluator.attempts(case, None)]
        results = [run_in_loop(evaluator.evaluate(attempt)) for attempt in attempts]
        ResultLog(self.store, suite="sample", experiment=name, writer="run").append(results)
        return record


@pytest.fixture
def suites(folder: Path) -> Suites:
    return Suites(folder)


def targets_called(suites: Suites) -> int:
    return (suites.folder / "calls.txt").read_text().count("target")


def test_a_changed_metric_is_compared_with_the_baselines_answers_by_the_new_yardstick(suites: Suites) -> None:
    old = suites.suite("^[A-Z]$")
    before = suites.evaluated("sample-old", old)
    write_verdict(suites.store, before, verdict_of(suites.store, old.spec, before))
    plain = suites.suite("^[A-D]$", gates=GATES)
    record, calls = suites.evaluated("sample-new", plain), targets_called(suites)
    unscored = conclude_suite(suites.store, plain, record, OFF).verdict
    assert unscored.comparison is not None
    assert unscored.comparison.changed_metrics == {"found": 8}
    again = suites.suite("^[A-D]$", gates=GATES, baseline={"rescore": True})
    verdict = conclude_suite(suites.store, again, record, OFF).verdict
    assert verdict.comparison is not None
    difference = verdict.comparison.metrics["found"]
    assert (difference.then, difference.now, verdict.comparison.changed_metrics) == (0.5, 0.5, {})
    assert verdict.passed
    assert targets_called(suites) == calls
    (rescored,) = [each for each in experiments_newest_first(suites.store, "sample") if each.scores_of]
    assert verdict.comparison.baseline == rescored.experiment
    assert rescored.scores_of == "sample-old"
    # It is done once, and its answers are no baseline of later experiments.
    conclude_suite(suites.store, again, record, OFF)
    assert len([each for each in experiments_newest_first(suites.store, "sample") if each.scores_of]) == 1
    assert last_passed(suites.store, suites.evaluated("sample-third", again)) == "sample-new"


def test_nothing_is_scored_again_where_no_metric_changed(suites: Suites) -> None:
    suite = suites.suite("^[A-D]$", baseline={"experiment": "last_passed", "rescore": True})
    before = suites.evaluated("sample-old", suite)
    write_verdict(suites.store, before, verdict_of(suites.store, suite.spec, before))
    conclude_suite(suites.store, suite, suites.evaluated("sample-new", suite), OFF)
    assert not [each for each in experiments_newest_first(suites.store, "sample") if each.scores_of]
