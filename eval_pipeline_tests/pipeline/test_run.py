"""One run's share of an experiment: what is left when it begins, and what is kept when it fails."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from eval_pipeline.assertions.text import Contains
from eval_pipeline.errors import CredentialsError
from eval_pipeline.evaluation.fingerprints import metric_versions
from eval_pipeline.pipeline.begin import ExperimentInputs, OpenExperiment, begin_or_join
from eval_pipeline.pipeline.prepare import prepare
from eval_pipeline.pipeline.run import ChosenCases, begin_run, key_of
from eval_pipeline.pipeline.run_plan import planned_cases
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.result_log import ResultLog
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.suite import read_suite
from eval_pipeline_tests.analysis.rows import a_result
from eval_pipeline_tests.small_suite import write_small_suite

OFF = LangSmithSettings(mode="off")


def _begun(folder: Path, settings: LangSmithSettings) -> OpenExperiment:
    suite, store = read_suite(write_small_suite(folder / "shop")), LocalStore(folder / "store")
    dataset, context = prepare(suite, store, OFF, run_id="r")
    inputs = ExperimentInputs(dataset_version=dataset.version, context_id=context.id, cases=3)
    return begin_or_join(
        store, suite, "shop-e", lambda: inputs, settings=settings, run_id="r", repetitions=2, launched_by={}
    )


def test_what_another_run_finished_is_not_left_and_cases_outside_the_run_are_not_planned(tmp_path: Path) -> None:
    experiment = _begun(tmp_path, OFF)
    log = ResultLog(experiment.store, suite="shop", experiment="shop-e", writer="earlier")
    log.append([a_result("gold"), a_result("gold", 2), a_result("milk"), a_result("tea", status="skipped")])

    with begin_run(experiment, experiment.evaluator(), ChosenCases.of(experiment, {"milk", "tea"}), run_id="r") as run:
        assert [key_of(attempt) for attempt in run.left] == [("milk", 2), ("tea", 1), ("tea", 2)]
        assert [case.id for case in run.cases.dataset] == ["gold", "milk", "tea"]
    assert planned_cases(experiment.store, "shop", "shop-e") == ["milk", "tea"]


def test_a_run_whose_key_is_refused_can_be_resumed_for_its_plan_is_written(tmp_path: Path) -> None:
    with RecorderServer(config=RecorderConfig(token="right")) as server:
        settings = LangSmithSettings(
            mode="recorder", recorder_url=server.url, recorder_token=SecretStr("wrong"), spool_folder=tmp_path / "spool"
        )
        experiment = _begun(tmp_path, settings)

        with pytest.raises(CredentialsError):
            begin_run(experiment, experiment.evaluator(), ChosenCases.of(experiment), run_id="r")

    assert planned_cases(experiment.store, "shop", "shop-e") == ["gold", "milk", "tea"]


def test_a_run_that_joins_with_other_assertions_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _begun(tmp_path, OFF)
    assert "other assertions" not in caplog.text
    suite = read_suite(tmp_path / "shop")
    contains = Contains(type="contains", value="x")
    changed = replace(suite, spec=suite.spec.model_copy(update={"assertions": (contains,)}))
    store = LocalStore(tmp_path / "store")
    inputs = ExperimentInputs(dataset_version="not read", context_id=None, cases=3)
    joined = begin_or_join(
        store, changed, "shop-e", lambda: inputs, settings=OFF, run_id="r", repetitions=2, launched_by={}
    )
    assert "shop-e was begun with other assertions (contains)" in caplog.text
    assert joined.record.metrics != metric_versions(changed)
