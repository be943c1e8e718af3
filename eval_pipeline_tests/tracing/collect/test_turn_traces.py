"""Telemetry can be trusted: every run arrives once, where it belongs, with its own labels; and `flush` is honest."""

import contextvars
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langsmith import Client, traceable, tracing_context

from eval_pipeline import telemetry
from eval_pipeline.errors import InputError
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.telemetry.bus import EventBus
from eval_pipeline.tracing.collect.telemetry import LangSmithTelemetry
from eval_pipeline.tracing.send.flush import flush_spool
from eval_pipeline_tests.recorder.frames import a_client
from eval_pipeline_tests.tracing.recorder_fixtures import MakeSettings

pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed after:DeprecationWarning")

WAIT_S = 60.0
USAGE = {"type": "usage", "model": "acme:agent-1", "input_tokens": 10, "output_tokens": 2}
CALL = {"type": "tool_call", "id": "1", "name": "find", "args": {"order": "A-1"}}
RESULT = {"type": "tool_result", "id": "1", "name": "find", "content": "shipped"}


@pytest.fixture
def client(server: RecorderServer) -> Iterator[Client]:
    made = a_client(server)
    yield made
    made.close()


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> EventBus:
    made = EventBus()
    monkeypatch.setattr("eval_pipeline.telemetry.reporting.BUS", made)
    return made


def answer(name: str, **labels: Any) -> None:
    with telemetry.turn(name, {"message": name}, **labels) as turn:
        for event in (USAGE, CALL, RESULT):
            telemetry.emit(event)
        turn.answer({"response": "sorry"})


def runs_in(client: Client, project: str) -> list[Any]:
    return sorted(client.list_runs(project_name=project), key=lambda run: str(run.dotted_order))


def test_threads_sessions_and_projects_at_once_keep_their_runs(
    client: Client, bus: EventBus, make_settings: MakeSettings
) -> None:
    routes = {"support": "proj-support", "billing": "proj-billing"}
    reporting = LangSmithTelemetry(settings=make_settings(), projects=routes).attach(bus)

    def work(number: int) -> None:
        namespace = ("support", "billing")[number % 2]
        with telemetry.session(f"session-{number % 3}", tags={"environment": "test"}):
            for turn in range(5):
                answer(f"{number}.{turn}", prompt=f"{namespace}/answer", metadata={"thread": number}, tags=["beta"])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert reporting.flush(timeout=WAIT_S)
    reporting.close()
    for namespace, project in routes.items():
        runs = runs_in(client, project)
        assert Counter(run.run_type for run in runs) == {"chain": 20, "llm": 20, "tool": 20}
        for run in runs:
            thread = run.metadata["thread"]
            assert routes[("support", "billing")[thread % 2]] == project
            assert run.metadata["session_id"] == f"session-{thread % 3}"
            assert (run.metadata["prompt_ns"], run.metadata["prompt_key"]) == (namespace, "answer")
            assert sorted(run.tags) == ["beta", "environment:test"]
            assert run.end_time is not None
    counts = reporting.counts
    assert counts.runs_enqueued == counts.runs_sent == 120
    assert counts.updates_enqueued == counts.updates_sent
    assert counts.not_arrived == counts.lost == bus.counts.dropped == 0


def test_two_handlers_of_one_bus_have_a_trace_each(client: Client, bus: EventBus, make_settings: MakeSettings) -> None:
    handlers = [
        LangSmithTelemetry(settings=make_settings(), project=project, metadata={"session_id": session}).attach(bus)
        for project, session in (("first", "A"), ("second", "B"), ("second", "C"))
    ]
    answer("both")
    assert all(handler.flush(timeout=WAIT_S) for handler in handlers)

    for handler in handlers:
        handler.close()
    assert [(run.name, run.metadata["session_id"]) for run in runs_in(client, "first") if not run.parent_run_id] == [
        ("both", "A")
    ]
    roots = [run for run in runs_in(client, "second") if not run.parent_run_id]
    assert sorted(run.metadata["session_id"] for run in roots) == ["B", "C"]
    assert len(runs_in(client, "second")) == 6


def test_a_turn_given_to_a_handler_goes_to_that_one_alone(
    client: Client, bus: EventBus, make_settings: MakeSettings
) -> None:
    attached = LangSmithTelemetry(settings=make_settings(), project="attached").attach(bus)
    given = LangSmithTelemetry(settings=make_settings(), project="given")
    answer("one", to=given, session_id="S")
    assert given.flush(timeout=WAIT_S, bus=bus)
    assert attached.flush(timeout=WAIT_S)

    assert [run.metadata["session_id"] for run in runs_in(client, "given")] == ["S"] * 3
    assert "attached" not in [project.name for project in client.list_projects()]
    attached.close()
    given.close()


def test_a_trace_is_visible_from_its_first_event_on_and_its_pieces_stream_into_it(
    client: Client, bus: EventBus, make_settings: MakeSettings
) -> None:
    reporting = LangSmithTelemetry(settings=make_settings(), project="live").attach(bus)
    prompt = {"type": "prompt_rendered", "prompt_ns": "support", "prompt_key": "answer", "rendered_prompt": "Be kind."}
    with telemetry.turn("support", {"message": "hi"}) as turn:
        telemetry.emit(prompt)
        telemetry.emit({"type": "token", "content": "I am "})
        reporting.flush(timeout=WAIT_S)
        begun = runs_in(client, "live")
        telemetry.emit({"type": "token", "content": "sorry"})
        for event in (USAGE, CALL, RESULT):
            telemetry.emit(event)
        telemetry.emit({"type": "checkpoint", "step": 3})
        reporting.flush(timeout=WAIT_S)
        answered = runs_in(client, "live")
        turn.answer({"response": "I am sorry"})
    assert reporting.flush(timeout=WAIT_S)
    reporting.close()

    assert [(run.name, run.end_time, run.metadata["in_progress"]) for run in begun] == [
        ("support", None, True),
        ("model", None, True),
    ]
    assert [event["kwargs"]["characters"] for event in begun[1].events] == [5]
    assert [(run.name, run.end_time is None) for run in answered] == [
        ("support", True),
        ("model", True),
        ("find", False),
    ]
    root, model, tool = runs_in(client, "live")
    assert [run.id for run in answered] == [root.id, model.id, tool.id]
    assert (root.outputs, root.metadata["in_progress"], root.error) == ({"response": "I am sorry"}, False, None)
    assert root.metadata["prompt_key"] == "answer"
    assert [(event["name"], event["kwargs"]) for event in root.events] == [("checkpoint", {"step": 3})]
    assert (model.name, model.total_tokens, model.metadata["in_progress"]) == ("acme:agent-1", 12, False)
    assert [event["kwargs"]["characters"] for event in model.events] == [5, 5]
    assert model.inputs["messages"][0] == {"role": "system", "content": "Be kind."}
    assert tool.parent_run_id == model.id


def test_a_turn_nests_below_the_traceable_function_that_runs_it(
    client: Client, bus: EventBus, make_settings: MakeSettings
) -> None:
    reporting = LangSmithTelemetry(settings=make_settings(), project="elsewhere").attach(bus)

    @traceable(name="service")
    def service() -> None:
        answer("support")

    with tracing_context(enabled=True, client=client, project_name="service"):
        service()
    client.flush()
    assert reporting.flush(timeout=WAIT_S)
    reporting.close()

    names = {run.id: run.name for run in runs_in(client, "service")}
    assert [(run.name, names.get(run.parent_run_id)) for run in runs_in(client, "service")] == [
        ("service", None),
        ("support", "service"),
        ("acme:agent-1", "support"),
        ("find", "acme:agent-1"),
    ]
    assert len({run.trace_id for run in runs_in(client, "service")}) == 1


def test_what_becomes_of_a_trace_is_published(
    server: RecorderServer, bus: EventBus, make_settings: MakeSettings
) -> None:
    events: list[Any] = []
    for kind in (
        telemetry.LangSmithTraceStarted,
        telemetry.LangSmithTraceCompleted,
        telemetry.LangSmithUploadFailed,
    ):
        bus.subscribe(events.append, kind)
    reporting = LangSmithTelemetry(settings=make_settings(), project="live").attach(bus)
    server.faults.add(Fault(status=503, times=1, path="multipart"))
    answer("support", session_id="S")
    reporting.flush(timeout=WAIT_S)
    assert reporting.flush(timeout=WAIT_S)
    bus.flush(WAIT_S)
    reporting.close()

    started, *failed, completed = events
    assert (type(started).__name__, started.session_id, started.project) == ("LangSmithTraceStarted", "S", "live")
    assert [type(event).__name__ for event in failed] == ["LangSmithUploadFailed"]
    assert (failed[0].trace_id, failed[0].retry_count) == (started.trace_id, 0)
    assert "503" in failed[0].error
    assert (completed.trace_id, completed.run_count, completed.total_tokens) == (started.trace_id, 3, 12)
    assert completed.trace_url.endswith(f"/r/{started.trace_id}")
    assert completed.trace_url.startswith(server.url)


def test_with_a_dead_server_flush_is_false_and_everything_is_in_the_spool(
    bus: EventBus, make_settings: MakeSettings, client: Client
) -> None:
    dead = make_settings(recorder_url="http://127.0.0.1:9")
    reporting = LangSmithTelemetry(settings=dead, project="later").attach(bus)
    answer("support")
    assert reporting.flush(timeout=5.0) is False
    counts = reporting.counts
    assert counts.runs_spooled + counts.updates_spooled == counts.runs_enqueued + counts.updates_enqueued
    assert counts.runs_enqueued == 3
    assert reporting.close(timeout=1.0) is False

    flush_spool(make_settings())
    assert [run.name for run in runs_in(client, "later")] == ["support", "acme:agent-1", "find"]
    assert all(run.end_time is not None for run in runs_in(client, "later"))


def test_with_a_slow_server_no_turn_waits_and_flush_says_that_time_is_up(
    server: RecorderServer, bus: EventBus, make_settings: MakeSettings, client: Client
) -> None:
    reporting = LangSmithTelemetry(settings=make_settings(), project="slow").attach(bus)
    server.faults.add(Fault(delay_s=1.0, times=1, path="multipart"))
    answer("support")
    assert reporting.flush(timeout=0.05) is False
    assert reporting.flush(timeout=WAIT_S) is True
    reporting.close()
    assert Counter(run.name for run in runs_in(client, "slow")) == {"support": 1, "acme:agent-1": 1, "find": 1}


def test_settings_decide_on_redaction_sampling_and_whether_anything_is_sent(
    bus: EventBus, make_settings: MakeSettings, client: Client
) -> None:
    settings = {"redaction_patterns": {"order": r"A-\d"}}
    reporting = LangSmithTelemetry(settings=make_settings(**settings), project="redacted").attach(bus)
    left_out = LangSmithTelemetry(settings=make_settings(trace_sample_rate=0.0), project="sampled").attach(bus)
    switched_off = LangSmithTelemetry(settings=make_settings(mode="off"), project="off").attach(bus)
    answer("support")
    assert [handler.flush(timeout=WAIT_S) for handler in (reporting, left_out, switched_off)] == [True] * 3
    for handler in (reporting, left_out, switched_off):
        handler.close()

    assert runs_in(client, "redacted")[2].inputs == {"order": "[redacted:order]"}
    assert {"sampled", "off"} & {project.name for project in client.list_projects()} == set()
    assert left_out.counts.runs_sampled_out == 3


def test_a_client_without_an_address_is_refused() -> None:
    with pytest.raises(InputError, match="api_url"):
        LangSmithTelemetry(object())  # type: ignore[arg-type]


def test_turns_in_copies_of_a_context_belong_to_its_session() -> None:
    sessions: list[str | None] = []
    with telemetry.session("S"):
        context = contextvars.copy_context()

    def work() -> None:
        with telemetry.turn("agent", "hi", to=lambda turn: sessions.append(turn.labels.session_id)):
            pass

    thread = threading.Thread(target=context.run, args=(work,))
    thread.start()
    thread.join()
    assert sessions == ["S"]


DYING = """
import os, sys
from eval_pipeline import telemetry
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.tracing.collect.telemetry import LangSmithTelemetry

settings = LangSmithSettings(mode="recorder", recorder_url=sys.argv[1], spool_folder=sys.argv[2])
reporting = LangSmithTelemetry(settings=settings, project="dying").attach()
with telemetry.turn("support", {"message": "hi"}):
    telemetry.emit({"type": "usage", "model": "acme:agent-1", "input_tokens": 10, "output_tokens": 2})
    reporting.flush(timeout=30)
    if sys.argv[3] == "killed":
        os._exit(9)
    sys.exit(0) if sys.argv[3] == "ended" else None
"""


def test_a_process_that_is_killed_in_a_turn_leaves_its_trace_behind_marked(
    server: RecorderServer, client: Client, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", DYING, server.url, str(tmp_path / "spool"), "killed"]
    assert subprocess.run(command, check=False, timeout=WAIT_S).returncode == 9

    runs = runs_in(client, "dying")
    assert [(run.name, run.end_time, run.metadata["in_progress"]) for run in runs] == [
        ("support", None, True),
        ("acme:agent-1", None, True),
    ]


def test_at_the_end_of_the_process_an_open_turn_is_ended_with_an_error(
    client: Client, bus: EventBus, make_settings: MakeSettings
) -> None:
    reporting = LangSmithTelemetry(settings=make_settings(), project="ending").attach(bus)
    turn = telemetry.turn("support", "hi")
    turn.__enter__()
    bus.flush(WAIT_S)
    reporting._end_turns()
    assert reporting.flush(timeout=WAIT_S)
    reporting.close()
    turn.__exit__(None, None, None)
    (run,) = runs_in(client, "ending")
    assert (run.error, run.end_time is not None) == ("Unfinished: the process ended in this turn", True)
