"""Preparing an evaluation: dataset and shared context are the same, whichever way a suite is evaluated."""

from pathlib import Path

from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.pipeline.prepare import prepare
from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.dataset.stored import stored_cases
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.tracing.shape.shared_trace import shared_project
from eval_pipeline_tests.small_suite import write_small_suite


def test_dataset_and_trace_of_the_shared_context_are_at_the_server(tmp_path: Path) -> None:
    suite, store = read_suite(write_small_suite(tmp_path / "shop")), LocalStore(tmp_path / "store")
    with RecorderServer() as server:
        settings = LangSmithSettings(mode="recorder", recorder_url=server.url, spool_folder=tmp_path / "spool")
        dataset, context = prepare(suite, store, settings, run_id="r")

        assert [each["name"] for each in server.recorder.datasets.find()] == ["shop"]
        assert shared_project("shop") in [each["name"] for each in server.recorder.sessions.find()]
    assert [case.id for case in stored_cases(store, "shop", dataset.version)] == ["gold", "milk", "tea"]
    assert context.trace is not None


def test_a_runner_builds_the_context_of_a_run_with_its_trace(tmp_path: Path) -> None:
    suite, store = read_suite(write_small_suite(tmp_path / "shop")), LocalStore(tmp_path / "store")

    result = EvalRunner(suite, store=store).run("tea")

    assert result.context_id is not None
    assert SharedContext.open(store, "shop", result.context_id).trace is not None
    _, context = prepare(suite, store, LangSmithSettings(mode="off"), run_id="r")
    assert context.id == result.context_id
