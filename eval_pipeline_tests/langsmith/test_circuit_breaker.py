"""After one request to a hanging server timed out, no other is made for a while."""

import time

import pytest

from eval_pipeline.langsmith.circuit_breaker import OPEN_PER_TIMEOUT
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.suite.case import Case
from eval_pipeline.tracing.experiment.setup import sync_datasets
from eval_pipeline_tests.tracing.recorder_fixtures import MakeSettings


def _asked(server: RecorderServer) -> int:
    return len(server.faults.fired)


def test_after_one_timeout_no_other_request_is_made(server: RecorderServer, make_settings: MakeSettings) -> None:
    settings = make_settings(request_timeout_seconds=1.5)
    server.faults.add(Fault(delay_s=6, times=1, path="/sessions"))

    assert not Connection(settings.destinations[0], settings).check().ok
    assert not Connection(settings.destinations[0], settings).check().ok
    answer = Connection(settings.destinations[0], settings).request("GET", "/info")

    assert (answer.status, answer.timed_out, _asked(server)) == (None, True, 1)
    time.sleep(1.5 * OPEN_PER_TIMEOUT)
    assert Connection(settings.destinations[0], settings).check().ok


def test_a_response_to_a_connection_that_insists_closes_the_breaker_for_all(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    settings = make_settings(request_timeout_seconds=1.5)
    server.faults.add(Fault(delay_s=6, times=1, path="/sessions"))
    connection = Connection(settings.destinations[0], settings)
    assert not connection.check().ok

    assert Connection(settings.destinations[0], settings, insists=True).request("GET", "/no-such-thing").status == 404
    assert connection.check().ok


def test_a_server_that_refuses_is_asked_again_at_once(server: RecorderServer, make_settings: MakeSettings) -> None:
    settings = make_settings()
    server.faults.add(Fault(refuse=True, times=1))
    connection = Connection(settings.destinations[0], settings)

    assert not connection.check().ok
    assert connection.check().ok


def test_a_server_that_hangs_over_the_examples_is_unavailable(
    server: RecorderServer, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults.add(Fault(delay_s=6, method="POST", path="examples", times=None))
    assert (
        sync_datasets(
            make_settings(request_timeout_seconds=1.5), "desk", [Case.model_validate({"id": "c1", "input": "x"})]
        )
        is None
    )
    assert "the dataset 'desk' cannot be written" in caplog.text
