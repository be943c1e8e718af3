"""The pytest plugin: fixtures for tests of suites and agents, and `--eval-suite`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import langsmith

    from eval_pipeline.testing.chat_models import FakeChatModels
    from eval_pipeline.testing.recorder import TestRecorder
    from eval_pipeline.testing.suite_runs import SuiteRun


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--eval-suite`."""
    group = parser.getgroup("eval_pipeline")
    group.addoption(
        "--eval-suite",
        action="append",
        default=[],
        metavar="SUITE",
        help="Collect the cases of a suite (its folder or name) as tests; may be given several times.",
    )


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the cases of the suites that `--eval-suite` names."""
    for suite in config.getoption("--eval-suite"):
        from eval_pipeline.testing.cases_as_tests import SuiteCases  # noqa: PLC0415 - as above

        items += SuiteCases.from_parent(session, name=str(suite)).collect()


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> "Iterator[TestRecorder]":
    """A server that speaks LangSmith's API, in this process, one a test; the environment's LangSmith is it."""
    from eval_pipeline.testing.recorder import TestRecorder  # noqa: PLC0415 - as above

    with TestRecorder() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def langsmith_client(recorder: "TestRecorder") -> "langsmith.Client":
    """A client of `recorder`."""
    return recorder.client


@pytest.fixture
def fake_chat_model() -> "Iterator[FakeChatModels]":
    """Makes chat models with scripted answers, such as `fake_chat_model(["Hello", "Bye"])`."""
    from eval_pipeline.testing.chat_models import FakeChatModels  # noqa: PLC0415 - as above

    with FakeChatModels() as models:
        yield models


@pytest.fixture
def run_suite(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> "Callable[..., SuiteRun]":
    """Evaluates a suite as `eval-pipeline run` does, with a store and a Dagster home of the test's own.

    Where the test uses `recorder`, traces go there; else there are none.
    """
    from eval_pipeline.testing.suite_runs import SuiteRun  # noqa: PLC0415 - as above

    def run(folder: Path | str, *options: str) -> SuiteRun:
        traced = "recorder" in request.fixturenames
        return SuiteRun.of(folder, options, home=tmp_path, traced=traced, patch=monkeypatch, printed=capfd)

    return run
