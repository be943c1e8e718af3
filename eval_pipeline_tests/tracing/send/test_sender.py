"""What the sender does with a healthy server, with each fault, and with its own limits."""

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from eval_pipeline.errors import CredentialsError
from eval_pipeline.recorder.config import InfoProfile, RecorderConfig
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.tracing.experiment.setup import check_destinations
from eval_pipeline.tracing.send.flush import flush_spool, spool_folder
from eval_pipeline.tracing.send.sampling import is_sampled
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline.tracing.send.spool import status_of
from eval_pipeline_tests.tracing.sample_runs import a_score, a_trace, recorded_feedback, recorded_ids

MakeSettings = Callable[..., LangSmithSettings]


def test_what_is_handed_over_arrives_complete_and_once(server: RecorderServer, make_settings: MakeSettings) -> None:
    sender = SpoolingSender(make_settings())
    trace = a_trace()
    sender.send_runs(trace[:1])
    sender.send_runs(trace[1:], graft=True)
    sender.send_feedback([a_score(trace[0])])
    counts = sender.flush(5)
    assert sorted(recorded_ids(server)) == sorted(run["id"] for run in trace)
    root = server.recorder.runs.get(trace[0]["id"])
    assert root["inputs"] == {"question": "where is my order?"}
    assert root["outputs"] == {"answer": "on its way"}
    assert root["end_time"] is not None
    assert [found["score"] for found in recorded_feedback(server)] == [0.5]
    assert (counts.runs_enqueued, counts.runs_sent, counts.runs_spooled, counts.feedback_sent) == (3, 3, 0, 1)
    assert counts.runs_waiting == 0
    sender.close()


@pytest.mark.parametrize("profile", list(InfoProfile), ids=str)
def test_every_kind_of_server_takes_runs_and_feedback(profile: InfoProfile, tmp_path: Path) -> None:
    with RecorderServer(config=RecorderConfig(profile=profile)) as server:
        sender = SpoolingSender(LangSmithSettings(recorder_url=server.url, spool_folder=tmp_path))
        trace = a_trace()
        sender.send_runs(trace)
        sender.send_feedback([a_score(trace[0])])
        counts = sender.close()
        assert (counts.runs_sent, counts.feedback_sent, counts.errors) == (3, 1, 0)
        assert len(recorded_ids(server)) == 3


FAULTS = {
    "refused connection": Fault(refuse=True, times=None),
    "slow": Fault(delay_s=3, times=None, path="multipart"),
    "429": Fault(status=429, retry_after_s=1, times=None, path="multipart"),
    "500": Fault(status=500, times=None, path="multipart"),
    "503": Fault(status=503, times=None, path="multipart"),
    "413": Fault(status=413, times=None, path="multipart"),
    "422": Fault(status=422, times=None, path="multipart"),
    "401 midway": Fault(status=401, times=None, path="multipart"),
    "broken before it is handled": Fault(drop="request", times=None, path="multipart"),
    "broken before the answer": Fault(drop="reply", times=None, path="multipart"),
    "half an answer": Fault(drop="half", times=None, path="multipart"),
    "half an answer, once": Fault(drop="half", times=1, path="multipart"),
    "500, twice": Fault(status=500, times=2, path="multipart"),
}


def test_a_server_that_fails_slowly_holds_the_end_no_longer_than_it_may(make_settings: MakeSettings) -> None:
    """Every request takes a second to fail: flushing, the spool and the thread share the time of `close`."""
    with RecorderServer() as server:
        sender = SpoolingSender(make_settings(recorder_url=server.url))
        server.faults.add(Fault(status=500, delay_s=1.0, times=None))
        for _ in range(30):
            sender.send_runs(a_trace())
        counts = sender.close(1.5)
        made = [request for request, _ in server.faults.fired if "multipart" in request]
    assert (counts.runs_sent, counts.runs_spooled, counts.lost) == (0, 90, 0)
    assert len(made) <= 3


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_no_fault_loses_doubles_or_delays_anything(
    server: RecorderServer, make_settings: MakeSettings, fault: Fault
) -> None:
    settings = make_settings(request_timeout_seconds=0.3)
    sender = SpoolingSender(settings)
    traces = [a_trace() for _ in range(4)]
    server.faults.add(fault)
    began = time.monotonic()
    for trace in traces:
        sender.send_runs(trace[:2])
        sender.send_runs(trace[2:], graft=True)
        sender.send_feedback([a_score(trace[0])])
    assert time.monotonic() - began < 0.5
    sender.flush(1.0)
    counts = sender.close(0.2)
    assert counts.lost == 0
    assert counts.runs_sent + counts.runs_spooled == 12
    server.faults.clear()
    flush_spool(make_settings())
    assert sorted(recorded_ids(server)) == sorted(run["id"] for trace in traces for run in trace)
    assert len(recorded_feedback(server)) == 4
    assert status_of(spool_folder(settings, "recorder")).files == 0


def test_a_server_that_comes_back_gets_what_was_spooled_at_the_next_flush(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    sender = SpoolingSender(make_settings())
    server.faults.add(Fault(status=503, times=None, path="multipart"))
    trace = a_trace()
    sender.send_runs(trace)
    assert sender.flush(2).runs_spooled == 3
    server.faults.clear()
    counts = sender.flush(2)
    assert (counts.runs_sent, counts.runs_spooled) == (3, 0)
    assert len(recorded_ids(server)) == 3
    sender.close()


def test_feedback_arrives_from_a_server_that_answers_only_the_second_question_about_itself(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    sender = SpoolingSender(make_settings())
    server.faults.add(Fault(status=503, path="/info", times=1))
    trace = a_trace()
    sender.send_runs(trace)
    sender.send_feedback([a_score(trace[0])])
    counts = sender.close(5)
    assert (counts.feedback_enqueued, counts.feedback_sent) == (1, 1)
    assert len(recorded_feedback(server)) == 1


def test_one_bad_run_costs_no_other_run_its_place(server: RecorderServer, make_settings: MakeSettings) -> None:
    sender = SpoolingSender(make_settings())
    good, bad = a_trace(children=20), a_trace(children=0, run_type="nonsense")
    sender.send_runs([*good[:7], *bad, *good[7:]])
    counts = sender.close(2)
    assert sorted(recorded_ids(server)) == sorted(run["id"] for run in good)
    assert (counts.runs_sent, counts.runs_spooled, counts.runs_refused) == (21, 1, 1)


def test_what_is_refused_again_and_again_is_put_aside_and_kept(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    settings = make_settings()
    sender = SpoolingSender(settings)
    sender.send_runs(a_trace(children=0, run_type="nonsense"))
    sender.close(2)
    reports = [flush_spool(settings)[0] for _ in range(5)]
    assert [report.put_aside for report in reports].count(1) == 1
    folder = spool_folder(settings, "recorder")
    assert status_of(folder).files == 0
    assert len(list((folder / "refused").iterdir())) == 1
    assert recorded_ids(server) == []


def test_a_run_that_is_there_already_counts_as_sent(server: RecorderServer, make_settings: MakeSettings) -> None:
    sender = SpoolingSender(make_settings())
    trace = a_trace()
    for _ in range(2):
        sender.send_runs(trace)
        sender.flush(2)
    counts = sender.close()
    assert (counts.runs_sent, counts.runs_spooled, counts.runs_refused) == (6, 0, 0)
    assert len(recorded_ids(server)) == 3


def test_what_the_queue_has_no_room_for_goes_to_the_spool(server: RecorderServer, make_settings: MakeSettings) -> None:
    settings = make_settings(max_queue_size=5, upload_interval_seconds=60)
    sender = SpoolingSender(settings)
    runs = [run for _ in range(10) for run in a_trace()]
    sender.send_runs(runs)
    assert sender.counts.runs_spooled == 25
    counts = sender.close(5)
    assert (counts.runs_sent, counts.runs_dropped) == (30, 0)
    assert len(recorded_ids(server)) == 30


def test_beyond_the_spools_limit_the_oldest_is_kept_and_the_rest_counted(
    server: RecorderServer, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings = make_settings(spool_max_bytes=5_000)
    server.faults.add(Fault(status=503, times=None))
    sender = SpoolingSender(settings)
    traces = [a_trace() for _ in range(10)]
    for trace in traces:
        sender.send_runs(trace)
    counts = sender.close(1)
    assert counts.runs_spooled + counts.runs_dropped == 30
    assert counts.runs_dropped > 0
    assert counts.lost > 0
    assert status_of(spool_folder(settings, "recorder")).bytes <= 5_000
    assert sum("is full" in record.message for record in caplog.records) == 1
    server.faults.clear()
    flush_spool(settings)
    assert recorded_ids(server)[0] == traces[0][0]["id"]
    assert len(recorded_ids(server)) == counts.runs_spooled


def test_runs_older_than_the_window_are_moved_into_it_by_one_delta_a_trace(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    settings = make_settings()
    sender = SpoolingSender(settings)
    old = a_trace(start=dt.datetime.now(tz=dt.UTC) - dt.timedelta(hours=30))
    sender.send_runs(old)
    sender.send_feedback([a_score(old[0])])
    assert sender.close(2).runs_sent == 3
    stored = server.recorder.runs.of_trace(old[0]["trace_id"], limit=9, offset=0)
    starts = [dt.datetime.fromisoformat(run["start_time"]) for run in stored]
    assert starts[0] > dt.datetime.now(tz=dt.UTC) - dt.timedelta(hours=24)
    assert starts[2] - starts[0] == old[2]["start_time"] - old[0]["start_time"]
    assert "recorded_start_time" in stored[0]["extra"]["metadata"]


def test_a_wrong_key_is_reported_once_and_clearly_at_the_start(tmp_path: Path) -> None:
    with RecorderServer(config=RecorderConfig(token="right")) as server:
        settings = LangSmithSettings(
            mode="langsmith", api_url=server.url, api_key=SecretStr("lsv2_pt_wrong"), spool_folder=tmp_path
        )
        with pytest.raises(CredentialsError, match="refuses the API key") as raised:
            check_destinations(settings)
        assert "wrong" not in str(raised.value)
        assert check_destinations(settings.model_copy(update={"api_key": SecretStr("right")})) == []


def test_a_server_that_is_unreachable_at_the_start_is_no_error(tmp_path: Path) -> None:
    settings = LangSmithSettings(recorder_url="http://127.0.0.1:9", spool_folder=tmp_path)
    (message,) = check_destinations(settings)
    assert message.startswith("http://127.0.0.1:9 cannot be reached")
    assert "eval-pipeline traces flush" in message


def test_both_destinations_get_everything_under_the_same_ids(server: RecorderServer, tmp_path: Path) -> None:
    with RecorderServer() as other:
        settings = LangSmithSettings(
            mode="both", api_url=other.url, api_key=SecretStr("k"), recorder_url=server.url, spool_folder=tmp_path
        )
        sender = SpoolingSender(settings)
        trace = a_trace()
        sender.send_runs(trace)
        sender.close()
        assert {name: counts.runs_sent for name, counts in sender.counts_by_destination.items()} == {
            "langsmith": 3,
            "recorder": 3,
        }
        assert recorded_ids(server) == recorded_ids(other)


def test_off_means_that_nothing_happens(make_settings: MakeSettings) -> None:
    sender = SpoolingSender(make_settings(mode="off"))
    sender.send_runs(a_trace())
    assert sender.close().runs_enqueued == 0


def test_sampling_takes_whole_traces_and_the_same_ones_everywhere(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    settings = make_settings(trace_sample_rate=0.5)
    traces = [a_trace() for _ in range(40)]
    sender = SpoolingSender(settings)
    for trace in traces:
        sender.send_runs(trace)
        sender.send_feedback([a_score(trace[0])])
    counts = sender.close()
    expected = [trace for trace in traces if is_sampled(trace[0]["trace_id"], 0.5)]
    assert 0 < len(expected) < 40
    assert sorted(recorded_ids(server)) == sorted(run["id"] for trace in expected for run in trace)
    assert len(recorded_feedback(server)) == len(expected)
    assert counts.runs_sampled_out == 3 * (40 - len(expected))


def test_without_async_upload_everything_is_there_on_return(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    sender = SpoolingSender(make_settings(async_upload=False))
    sender.send_runs(a_trace())
    assert len(recorded_ids(server)) == 3
    sender.close()


@pytest.mark.parametrize(("announced", "batch", "requests"), [(4, 500, 3), (500, 6, 2), (None, 500, 1)])
def test_a_request_holds_as_many_runs_as_the_server_and_the_settings_allow(
    announced: int | None, batch: int, requests: int, tmp_path: Path
) -> None:
    with RecorderServer(config=RecorderConfig(size_limit=announced)) as server:
        settings = LangSmithSettings(
            recorder_url=server.url, spool_folder=tmp_path, upload_batch_size=batch, upload_interval_seconds=60
        )
        sender = SpoolingSender(settings)
        sender.send_runs([run for _ in range(4) for run in a_trace()])
        counts = sender.close()
        assert (counts.runs_sent, counts.requests) == (12, requests)


def test_runs_wait_for_others_no_longer_than_the_interval(server: RecorderServer, make_settings: MakeSettings) -> None:
    patient, prompt = (SpoolingSender(make_settings(upload_interval_seconds=seconds)) for seconds in (60, 0.05))
    patient.send_runs(a_trace())
    prompt.send_runs(a_trace())
    deadline = time.monotonic() + 10
    while len(recorded_ids(server)) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (prompt.counts.runs_sent, patient.counts.runs_sent) == (3, 0)
    patient.close()
    prompt.close()
    assert len(recorded_ids(server)) == 6


def test_what_cannot_be_serialized_costs_itself_and_nothing_else(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    sender = SpoolingSender(make_settings())
    broken: list[dict[str, Any]] = [{"name": "without an id"}]
    sender.send_runs([*broken, *a_trace()])
    counts = sender.close()
    assert (counts.runs_sent, counts.runs_dropped) == (3, 1)
    assert len(recorded_ids(server)) == 3
