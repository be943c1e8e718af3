"""What agents report is seen in the recorder, over HTTP with the SDK: of an evaluation, and of an agent at work."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from langsmith import Client

from eval_pipeline import telemetry
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.telemetry.bus import EventBus
from eval_pipeline.tracing.collect.telemetry import LangSmithTelemetry
from eval_pipeline_tests.browser import a_page, needs_chromium
from eval_pipeline_tests.building import a_case
from eval_pipeline_tests.recorder.frames import a_client
from eval_pipeline_tests.tracing.collect.test_event_runs import agent
from eval_pipeline_tests.tracing.traced import Kept, a_traced_evaluator, a_tracer

pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed after:DeprecationWarning")

PATIENCE_S = 120.0


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


def seen(client: Client, project: str) -> list[tuple[str, str, str | None]]:
    """Name, type and parent's name of each run, in the order of the traces."""
    runs = sorted(client.list_runs(project_name=project), key=lambda run: str(run.dotted_order))
    names = {run.id: run.name for run in runs}
    return [(run.name, run.run_type, names.get(run.parent_run_id) if run.parent_run_id else None) for run in runs]


def test_an_agent_at_work_has_a_trace_of_each_turn(client: Client, bus: EventBus) -> None:
    reporting = LangSmithTelemetry(client, project="support", metadata={"version": "2"}).attach(bus)
    with telemetry.turn("support", {"message": "I am ann@example.com"}) as turn:
        telemetry.emit({"type": "usage", "model": "acme:agent-1", "input_tokens": 10, "output_tokens": 2})
        telemetry.emit({"type": "tool_call", "id": "1", "name": "find", "args": {"order": "A-1"}})
        telemetry.emit({"type": "tool_result", "id": "1", "name": "find", "content": "gone", "is_error": True})
        turn.answer({"response": "sorry"})

    assert reporting.flush(timeout=PATIENCE_S, bus=bus)
    reporting.detach(bus)

    assert seen(client, "support") == [
        ("support", "chain", None),
        ("acme:agent-1", "llm", "support"),
        ("find", "tool", "acme:agent-1"),
    ]
    (root,) = client.list_runs(project_name="support", is_root=True)
    assert "ann@example.com" not in str(root.inputs)
    assert (root.outputs, root.total_tokens, root.extra["metadata"]["version"]) == ({"response": "sorry"}, 12, "2")
    (tool,) = client.list_runs(project_name="support", run_type="tool")
    assert (tool.inputs, tool.outputs, tool.error) == ({"order": "A-1"}, {"output": "gone"}, "gone")


def test_what_an_agent_did_is_redacted_in_each_of_its_runs(client: Client, bus: EventBus) -> None:
    reporting = LangSmithTelemetry(client, project="support").attach(bus)
    asked = {"mail": "ann@example.com", "password": "hunter2"}
    with telemetry.turn("support", {"message": "I am ann@example.com"}) as turn:
        telemetry.emit({"type": "usage", "model": "acme:agent-1", "input_tokens": 10, "output_tokens": 2})
        telemetry.emit({"type": "tool_call", "id": "1", "name": "find", "args": asked})
        telemetry.emit({"type": "tool_result", "id": "1", "name": "find", "content": "for ann@example.com"})
        turn.answer({"response": "sorry"})

    assert reporting.flush(timeout=PATIENCE_S, bus=bus)
    reporting.detach(bus)

    texts = {run.name: f"{run.inputs} {run.outputs}" for run in client.list_runs(project_name="support")}
    assert sorted(texts) == ["acme:agent-1", "find", "support"]
    assert all("[redacted:email]" in text for text in texts.values())
    assert not any("ann@example.com" in text or "hunter2" in text for text in texts.values())


async def evaluated_over_http(folder: Path, client: Client, server: RecorderServer) -> str:
    kept = Kept()
    evaluator = a_traced_evaluator(folder, agent("as_it_goes"), a_tracer(kept))
    await evaluator.evaluate(Attempt(case=a_case("tea", input="where is it?"), number=1))
    project = client.create_project("sample-1")
    for run in kept.runs:
        client.create_run(**{key: value for key, value in run.items() if key != "reference_example_id"})
    client.flush(timeout=PATIENCE_S)
    return f"{server.url}/o/{project.tenant_id}/projects/p/{project.id}/r/{kept.runs[0]['id']}"


async def test_the_trace_of_a_case_has_chain_model_and_tool_below_its_turn(
    folder: Path, client: Client, server: RecorderServer
) -> None:
    await evaluated_over_http(folder, client, server)

    assert seen(client, "sample-1") == [
        ("tea", "chain", None),
        ("evaluate_case", "chain", "tea"),
        ("take_turn", "chain", "evaluate_case"),
        ("target", "chain", "take_turn"),
        ("acme:agent-1", "llm", "target"),
        ("find_order", "tool", "acme:agent-1"),
        ("acme:agent-1", "llm", "target"),
    ]
    (root,) = client.list_runs(project_name="sample-1", is_root=True)
    assert root.total_tokens == 35


@needs_chromium
async def test_the_recorders_page_shows_them_nested(folder: Path, client: Client, server: RecorderServer) -> None:
    url = await evaluated_over_http(folder, client, server)

    with a_page() as page:
        page.open(url)
        text = page.evaluate("document.body.innerText")
        page.screenshot(folder / "trace.png")

    places = [text.index(name) for name in ("evaluate_case", "take_turn", "target", "acme:agent-1", "find_order")]
    assert places == sorted(places)
