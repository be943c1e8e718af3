"""After one request to a hanging server timed out, no other is made for a while."""

import time

import pytest

from eval_pipeline.langsmith.circuit_breaker import LONGEST_BACKOFF_S, OPEN_PER_TIMEOUT, CircuitBreaker
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


def test_each_failure_in_a_row_opens_the_breaker_for_twice_as_long() -> None:
    clock, waits = [100.0], []
    breaker = CircuitBreaker(now=lambda: clock[0])
    for _ in range(9):
        breaker.back_off()
        start = clock[0]
        while breaker.is_open:
            clock[0] += 0.25
        waits.append(clock[0] - start)
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    breaker.succeeded()
    breaker.back_off()
    clock[0] += 0.5
    assert not breaker.is_open


@pytest.mark.parametrize(("asked", "waited"), [(2.0, 2.0), (3_600.0, LONGEST_BACKOFF_S)])
def test_a_server_that_asks_to_wait_is_left_alone_for_that_long_within_limits(asked: float, waited: float) -> None:
    clock = [100.0]
    breaker = CircuitBreaker(now=lambda: clock[0])
    breaker.back_off(asked)
    clock[0] += waited - 0.25
    assert breaker.is_open
    clock[0] += 0.25
    assert not breaker.is_open


def test_an_outage_is_reported_once_until_the_server_works_again() -> None:
    breaker = CircuitBreaker()
    assert [breaker.report_outage() for _ in range(3)] == [True, False, False]
    breaker.close()
    assert not breaker.report_outage()
    breaker.succeeded()
    assert breaker.report_outage()


def test_connections_to_one_server_share_a_breaker(make_settings: MakeSettings) -> None:
    one, other = (Connection(settings.destinations[0], settings) for settings in (make_settings(), make_settings()))
    assert one.breaker is other.breaker
