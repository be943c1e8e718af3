"""Datasets and experiments on a server: written once, by however many processes, or later."""

import datetime as dt
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr

from eval_pipeline.langsmith.datasets import DatasetVersion
from eval_pipeline.langsmith.experiments import (
    ExperimentSession,
    close_experiment,
    open_experiment,
)
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.dataset.dataset import DatasetOrigin
from eval_pipeline.tracing.experiment.feedback import summary_feedback
from eval_pipeline.tracing.experiment.setup import set_up, sync_datasets
from eval_pipeline.tracing.send.flush import flush_spool
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline_tests.tracing.datasets import (
    REDACTOR,
    CountingConnection,
    a_case,
    a_plan,
    examples,
    status_of_rows,
    sync,
)
from eval_pipeline_tests.tracing.sample_runs import a_trace, recorded_feedback

MakeSettings = Callable[..., LangSmithSettings]


def test_an_experiment_is_made_with_what_it_pins(server: RecorderServer, connection: CountingConnection) -> None:
    synced = sync(connection, [a_case(1)])
    session = open_experiment(connection, a_plan(), synced, redactor=REDACTOR)
    stored = server.recorder.sessions.get(str(session.id))
    assert stored["reference_dataset_id"] == str(synced.dataset_id)
    metadata = stored["extra"]["metadata"]
    assert synced.as_of is not None
    assert metadata["dataset_version"] == synced.as_of.isoformat()
    assert metadata["dataset_splits"] == ["test"]
    assert metadata["context_id"] == "ctx"
    assert (
        session.url
        == f"{server.url}/o/{connection.tenant_id}/datasets/{synced.dataset_id}/compare?selectedSessions={session.id}"
    )
    assert session.run_url("r1") == f"{server.url}/o/{connection.tenant_id}/projects/p/{session.id}/r/r1"


def test_urls_cost_no_request(connection: CountingConnection) -> None:
    session = open_experiment(connection, a_plan(), sync(connection, [a_case(1)]), redactor=REDACTOR)
    connection.seen.clear()
    for number in range(100):
        session.run_url(str(number))
    assert session.comparison_url("other").endswith(f"{session.id}%2Cother")
    assert session.dataset_url
    assert session.project_url
    assert connection.seen == []


def _open(settings: LangSmithSettings) -> UUID:
    setup = set_up(settings, a_plan(), [a_case(1), a_case(2)], redactor=REDACTOR)
    assert setup is not None
    return setup.session.id


def test_with_tracing_to_both_a_row_names_the_examples_that_the_cases_came_from(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    source = server.recorder.datasets.create({"name": "questions"})
    made = server.recorder.examples.create(source["id"], [{"inputs": {"input": text}} for text in ("one", "two")])
    examples = {f"c{number}": UUID(identity) for number, identity in enumerate(made["example_ids"], start=1)}
    versions = server.recorder.datasets.versions(source["id"])
    version = DatasetVersion(
        server=server.url, dataset_id=UUID(source["id"]), name="questions", as_of=versions[0]["as_of"]
    )
    origin = DatasetOrigin(version=version, examples=examples)
    with RecorderServer() as other:
        settings = make_settings(mode="both", api_url=server.url, api_key=SecretStr("key"), recorder_url=other.url)

        setup = set_up(settings, a_plan(), [a_case(1), a_case(2)], redactor=REDACTOR, origin=origin)

        assert setup is not None
        assert {name: setup.session.example_id(name) for name in examples} == examples
        assert server.recorder.datasets.versions(source["id"]) == versions
        copied = other.recorder.examples.find(dataset_id=source["id"], limit=-1)
        assert {UUID(example["id"]) for example in copied} == set(examples.values())
        for each in (server, other):
            (session,) = each.recorder.sessions.find(name="desk-1")
            assert session["reference_dataset_id"] == source["id"]


def test_processes_that_open_one_experiment_at_once_get_the_same_project(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    settings = make_settings()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        ids = list(pool.map(_open, [settings] * 4))
    assert len(set(ids)) == 1
    assert len(server.recorder.sessions.find(name="desk-1")) == 1


def test_closing_gives_the_end_and_keeps_what_was_known(server: RecorderServer, connection: CountingConnection) -> None:
    session = open_experiment(connection, a_plan(), sync(connection, [a_case(1)]), redactor=REDACTOR)
    close_experiment(connection, session, metadata={"rows_expected": 1}, redactor=REDACTOR)
    stored = server.recorder.sessions.get(str(session.id))
    assert stored["end_time"] is not None
    assert stored["extra"]["metadata"]["context_id"] == "ctx"
    assert stored["extra"]["metadata"]["rows_expected"] == 1


def test_scores_of_the_whole_are_feedback_on_the_project_and_there_once(
    connection: CountingConnection, server: RecorderServer, make_settings: MakeSettings
) -> None:
    session = open_experiment(connection, a_plan(), sync(connection, [a_case(1)]), redactor=REDACTOR)
    sender = SpoolingSender(make_settings())
    for _ in range(2):
        sender.send_feedback(summary_feedback(session.id, {"pass_rate": 0.75, "quality": 0.5}))
        sender.flush(2)
    sender.close()
    assert sorted((each["key"], each["score"]) for each in recorded_feedback(server)) == [
        ("pass_rate", 0.75),
        ("quality", 0.5),
    ]
    assert {each["session_id"] for each in recorded_feedback(server)} == {str(session.id)}


def test_rows_are_counted_over_many_pages(
    server: RecorderServer, connection: CountingConnection, make_settings: MakeSettings
) -> None:
    session = open_experiment(connection, a_plan(), sync(connection, [a_case(1)]), redactor=REDACTOR)
    sender = SpoolingSender(make_settings())
    for _ in range(1_050):
        sender.send_runs(a_trace(children=0, session_name="desk-1"))
    counts = sender.close(10)
    connection.seen.clear()
    status = status_of_rows(connection, session, expected=1_051, counts=counts)
    assert (status.rows_present, status.delivery.runs_sent, status.complete) == (1_050, 1_050, False)
    assert connection.seen == ["POST /api/v2/runs/query"] * 2
    server.faults.add(Fault(status=404, path="/api/v2/"))
    assert status_of_rows(connection, session, expected=1_050, counts=counts).complete


def test_an_unreachable_server_gets_dataset_and_experiment_later(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    settings = make_settings()
    server.faults.add(Fault(refuse=True, times=None))
    cases = [a_case(1), a_case(2)]
    made = set_up(settings, a_plan(), cases, redactor=REDACTOR)
    assert made is not None
    assert not made.online
    sender = SpoolingSender(settings)
    example = str(made.session.example_id("c1"))
    sender.send_runs(a_trace(session_name="desk-1", reference_example_id=None)[:1])
    sender.send_runs([{**a_trace(session_name="desk-1")[0], "reference_example_id": example}])
    sender.flush(1)
    server.faults.clear()
    # It comes back in the middle: the experiment is made before any run is sent.
    sender.send_runs(a_trace(children=0, session_name="desk-1"))
    counts = sender.close(5)
    assert (counts.runs_sent, counts.runs_spooled) == (3, 0)
    stored = server.recorder.sessions.find(name="desk-1")
    assert [each["id"] for each in stored] == [str(made.session.id)]
    assert stored[0]["reference_dataset_id"] == str(made.dataset.dataset_id)
    assert sorted(examples(server, made.dataset)) == ["c1", "c2"]
    again = set_up(settings, a_plan(), cases, redactor=REDACTOR)
    assert again is not None
    assert again.online
    assert again.session.id == made.session.id
    assert not again.dataset.changed


def test_a_server_that_becomes_unreachable_later_gets_what_is_new(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    settings = make_settings()
    online = set_up(settings, a_plan(), [a_case(1), a_case(2)], redactor=REDACTOR)
    server.faults.add(Fault(status=503, times=None))
    offline = set_up(settings, a_plan("desk-2"), [a_case(1), a_case(2), a_case(3)], redactor=REDACTOR)
    server.faults.clear()
    assert online is not None
    assert offline is not None
    assert offline.dataset.dataset_id == online.dataset.dataset_id
    assert offline.session.url.startswith(server.url)
    assert online.session.urls == offline.session.urls
    flush_spool(settings)
    assert sorted(examples(server, online.dataset)) == ["c1", "c2", "c3"]
    assert server.recorder.sessions.get(str(offline.session.id))["name"] == "desk-2"


def test_a_server_that_fails_between_dataset_and_experiment_gets_the_dataset_it_has(
    server: RecorderServer, make_settings: MakeSettings
) -> None:
    settings = make_settings()
    cases = [a_case(1), a_case(2)]
    assert sync_datasets(settings, "desk", cases) is not None
    server.faults.add(Fault(status=503, times=None))
    offline = set_up(settings, a_plan(), cases, redactor=REDACTOR)
    server.faults.clear()

    (report,) = flush_spool(settings)

    assert offline is not None
    assert (report.kept, report.refused) == (0, 0)
    (stored,) = server.recorder.sessions.find(name="desk-1")
    assert stored["reference_dataset_id"] == str(offline.dataset.dataset_id)


def test_with_two_destinations_examples_have_one_id(server: RecorderServer, tmp_path: Path) -> None:
    with RecorderServer() as other:
        settings = LangSmithSettings(
            mode="both", api_url=other.url, api_key=SecretStr("k"), recorder_url=server.url, spool_folder=tmp_path
        )
        alone = settings.model_copy(update={"mode": "recorder"})
        set_up(alone, a_plan("earlier"), [a_case(1)], redactor=REDACTOR)
        made = set_up(settings, a_plan(), [a_case(1)], redactor=REDACTOR)
        assert made is not None
        example = str(made.session.example_id("c1"))
        for running in (server, other):
            assert running.recorder.examples.get(example)["metadata"]["case_id"] == "c1"
            assert running.recorder.sessions.get(str(made.session.id))["name"] == "desk-1"


def test_secrets_in_cases_and_metadata_do_not_get_out(server: RecorderServer, make_settings: MakeSettings) -> None:
    settings = make_settings()
    case = a_case(1, input="I am ann@example.com", reference={"answer": "sk-ant-abcdefghijklmnop1234"})
    made = set_up(settings, a_plan(metadata={"prompt": "ask bob@example.com"}), [case], redactor=REDACTOR)
    assert made is not None
    text = str(examples(server, made.dataset)) + str(server.recorder.sessions.get(str(made.session.id)))
    assert "[redacted:email]" in text
    assert "[redacted:api_key]" in text
    assert "@example.com" not in text
    assert "sk-ant" not in text


def test_off_sets_nothing_up(make_settings: MakeSettings) -> None:
    assert set_up(make_settings(mode="off"), a_plan(), [a_case(1)], redactor=REDACTOR) is None


def test_a_session_is_a_value(server: RecorderServer, connection: CountingConnection) -> None:
    del server
    session = open_experiment(connection, a_plan(), sync(connection, [a_case(1)]), redactor=REDACTOR)
    assert isinstance(session, ExperimentSession)
    assert session.started_at.tzinfo is not None
    assert session.started_at <= dt.datetime.now(tz=dt.UTC)
