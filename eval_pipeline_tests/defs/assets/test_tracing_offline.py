"""Runs whose server is unreachable: reported once, and in the end everything is there, its end too."""

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.pipeline.progress import QuietProgress
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.tracing.experiment.shared_context_trace import send_shared_trace
from eval_pipeline.tracing.send.flush import flush_spool
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline.tracing.shape.shared_trace import shared_trace_runs
from eval_pipeline.tracing.shape.spans import Span, spans_of_table
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.defs.assets.seen import metadata_of, rows_at, runs_at

CASES = ["gold", "milk", "tea"]
DAY = dt.timedelta(days=1)


@dataclass
class Heard(QuietProgress):
    """Keeps the steps that are reported."""

    steps: list[str] = field(default_factory=list)

    def step(self, message: str) -> None:
        self.steps.append(message)


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[RecorderServer]:
    with RecorderServer(port=port, db_path=tmp_path / "recorder.sqlite") as running:
        yield running


@pytest.fixture
def traced(project: DagsterProject, server: RecorderServer, tmp_path: Path) -> DagsterProject:
    project.register(CASES)
    langsmith = LangSmithResource(
        mode="recorder",
        tracing_enabled=True,
        recorder_url=server.url,
        spool_folder=str(tmp_path / "spool"),
        upload_interval_seconds=0.05,
    )
    return replace(project, langsmith=langsmith, progress=Heard())


def test_an_unreachable_server_is_reported_once_in_the_log_and_as_progress(
    traced: DagsterProject, server: RecorderServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()

    result = traced.run("gold", "tea")

    assert result.success
    assert isinstance(traced.progress, Heard)
    assert [server.url in step for step in traced.progress.steps if "cannot be reached" in step] == [True]
    logged = [entry.user_message for entry in traced.instance.all_logs(result.run_id)]
    assert sum("cannot be reached" in message for message in logged) == 1
    ours = [record for record in caplog.records if record.name.startswith("eval_pipeline")]
    assert [record.message for record in ours if record.levelno >= logging.WARNING] == []


def test_the_end_and_the_scores_of_an_experiment_closed_offline_arrive_with_the_rest(
    traced: DagsterProject, server: RecorderServer
) -> None:
    server.stop()
    result = traced.run("gold", "tea")
    server.start()

    (report,) = flush_spool(traced.langsmith.settings())

    assert (report.kept, report.put_aside) == (0, 0)
    assert rows_at(server.url) == CASES
    name = metadata_of(result, "experiment")["eval/experiment"]
    (session,) = httpx.get(f"{server.url}/sessions", params={"name": name, "include_stats": True}).json()
    assert session["end_time"] is not None
    assert session["extra"]["metadata"]["suite"] == "shop"
    assert session["session_feedback_stats"]["pass_rate"]["avg"] == pytest.approx(2 / 3, abs=1e-3)


def test_where_the_shared_trace_is_is_known_while_the_server_is_away(
    traced: DagsterProject, server: RecorderServer
) -> None:
    before = metadata_of(traced.run("gold", "tea"), "shared_context")["langsmith/shared_trace_url"]
    server.stop()

    result = traced.run("gold", "tea")

    assert metadata_of(result, "shared_context")["langsmith/shared_trace_url"] == before
    server.start()
    flush_spool(traced.langsmith.settings())
    root = next(
        run for run in runs_at(server.url) if run["name"] == "gold" and run["extra"]["metadata"]["attempt"] == 1
    )
    assert root["extra"]["metadata"]["shared_trace_url"] == before


def test_the_trace_of_a_snapshot_older_than_a_day_is_sent_as_if_it_were_new(
    traced: DagsterProject, server: RecorderServer
) -> None:
    off = replace(traced, langsmith=LangSmithResource(mode="off"))
    assert off.run("gold", "tea").success
    spans = [_aged(span, 2 * DAY) for span in _spans(off)]

    counts = send_shared_trace(traced.langsmith.settings(), "shop", spans, labels={}, timeout_s=10)

    assert (counts.runs_sent, counts.runs_spooled, counts.runs_refused) == (len(spans), 0, 0)
    runs = [run for run in runs_at(server.url) if run["project"] == "shop-shared"]
    assert {run["id"] for run in runs} == {span.id for span in spans}
    assert all(run["extra"]["metadata"]["recorded_start_time"] for run in runs)
    again = send_shared_trace(traced.langsmith.settings(), "shop", spans, labels={}, timeout_s=10)
    assert again.runs_enqueued == 0


def test_a_trace_of_which_only_the_beginning_was_sent_is_sent_to_its_end(
    traced: DagsterProject, server: RecorderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval_pipeline.tracing.experiment.shared_context_trace._RUNS_AT_ONCE", 2)
    off = replace(traced, langsmith=LangSmithResource(mode="off"))
    assert off.run("gold", "tea").success
    spans, settings = _spans(off), traced.langsmith.settings()
    assert len(spans) > 4
    killed = SpoolingSender(settings)
    killed.send_runs(list(shared_trace_runs(spans, session_name="shop-shared", labels={}))[:4])
    assert killed.close(10).runs_sent == 4

    counts = send_shared_trace(settings, "shop", spans, labels={}, timeout_s=10)

    assert (counts.runs_sent, counts.runs_refused, counts.runs_spooled) == (len(spans) - 4, 0, 0)
    runs = [run["id"] for run in runs_at(server.url) if run["project"] == "shop-shared"]
    assert sorted(runs) == sorted(span.id for span in spans)


def _spans(project: DagsterProject) -> list[Span]:
    """Of the only snapshot there is."""
    (key,) = (key for key in project.store.list("contexts/shop/") if key.endswith("manifest.json"))
    trace = SharedContext.open(project.store, "shop", key.split("/")[2]).trace
    assert trace is not None
    return spans_of_table(trace)


def _aged(span: Span, by: dt.timedelta) -> Span:
    return replace(span, start_time=span.start_time - by, end_time=span.end_time - by)
