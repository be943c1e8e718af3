"""What waits is sent by a tick, which says how much; and nothing is asked of anybody when nothing waits."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.defs.sensors.spool_waiting import build_traces_waiting, flush_reason, idle_reason
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.tracing.send.flush import FlushReport
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline.tracing.send.spool import SpoolStatus
from eval_pipeline_tests.tracing.sample_runs import a_score, a_trace, recorded_ids

EMPTY, WAITING = SpoolStatus(files=0, bytes=0, oldest=None), SpoolStatus(files=1, bytes=9, oldest=1.0)


@pytest.fixture
def server() -> Iterator[RecorderServer]:
    with RecorderServer() as running:
        yield running


@pytest.fixture
def langsmith(server: RecorderServer, tmp_path: Path) -> LangSmithResource:
    return LangSmithResource(
        mode="recorder", tracing_enabled=True, recorder_url=server.url, spool_folder=str(tmp_path / "spool")
    )


def _tick(langsmith: LangSmithResource) -> str:
    context = dg.build_sensor_context(resources={"eval_langsmith": langsmith})
    skipped = build_traces_waiting()(context)
    assert isinstance(skipped, dg.SkipReason)
    return str(skipped.skip_message)


def test_there_is_something_to_do_when_something_waits_anywhere() -> None:
    assert idle_reason({}) == "tracing is off"
    assert idle_reason({"langsmith": EMPTY, "recorder": EMPTY}) == "the spool is empty"
    assert idle_reason({"langsmith": EMPTY, "recorder": WAITING}) is None


def test_a_tick_says_what_was_sent_to_each_destination() -> None:
    reports = [
        FlushReport(destination="langsmith", busy=True),
        FlushReport(destination="recorder", runs_sent=3, feedback_sent=1, kept=2, refused=1),
    ]

    assert flush_reason(reports) == (
        "langsmith: another process is sending the spool; "
        "recorder: 3 runs sent, 1 scores sent, 2 kept, 1 of them rejected, 0 rejected and set aside"
    )


def test_what_waits_is_sent(server: RecorderServer, langsmith: LangSmithResource) -> None:
    server.faults.add(Fault(status=503, times=None))
    sender = SpoolingSender(langsmith.settings())
    trace = a_trace()
    sender.send_runs(trace)
    sender.send_feedback([a_score(trace[0])])
    sender.close(0.2)

    assert "0 runs sent" in _tick(langsmith)
    server.faults.clear()
    assert (
        _tick(langsmith) == "recorder: 3 runs sent, 1 scores sent, 0 kept, 0 of them rejected, 0 rejected and set aside"
    )
    assert sorted(recorded_ids(server)) == sorted(run["id"] for run in trace)
    server.faults.fired.clear()
    server.faults.add(Fault(status=503, times=None))
    assert _tick(langsmith) == "the spool is empty"
    assert not server.faults.fired


def test_untraced_there_is_nothing_to_do() -> None:
    assert _tick(LangSmithResource(mode="off")) == "tracing is off"
