"""The dataset of a suite at a server: made, kept equal to its cases, and compared only when something changed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.datasets import SyncedDataset
from eval_pipeline.langsmith.experiments import (
    open_experiment,
)
from eval_pipeline.recorder.config import InfoProfile, RecorderConfig
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.case import Case
from eval_pipeline.tracing.experiment.dataset_sync import sync_dataset
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
from eval_pipeline_tests.tracing.sample_runs import a_trace

MakeSettings = Callable[..., LangSmithSettings]


def test_a_dataset_is_made_with_inputs_reference_metadata_and_splits(
    server: RecorderServer, connection: CountingConnection
) -> None:
    synced = sync(connection, [a_case(1), a_case(2, split="train")])
    assert (synced.created, synced.examples) == (2, 2)
    assert synced.as_of is not None
    example = examples(server, synced)["c1"]
    assert example["inputs"] == {"input": "question 1", "messages": ["question 1"]}
    assert example["outputs"] == {"answer": "42"}
    assert example["metadata"]["tags"] == ["easy"]
    assert example["metadata"]["content_hash"] == a_case(1).content_hash()
    assert example["metadata"]["dataset_split"] == ["test"]


def test_what_did_not_change_is_not_written(connection: CountingConnection) -> None:
    cases = [a_case(number) for number in range(250)]
    first = sync(connection, cases)
    connection.seen.clear()
    second = sync(connection, cases)
    assert not second.changed
    assert second.as_of == first.as_of
    version = f"GET /datasets/{first.dataset_id}/version"
    assert connection.seen == ["GET /datasets", version, *["GET /examples"] * 3, version]


def test_what_was_compared_and_did_not_change_is_not_compared_again(
    server: RecorderServer, connection: CountingConnection
) -> None:
    cases = [a_case(1), a_case(2)]
    remembered: list[SyncedDataset] = []

    def again(cases: list[Case], redactor: Redactor = REDACTOR) -> SyncedDataset:
        connection.seen.clear()
        known = remembered[-1].verified if remembered else None
        remembered.append(
            sync_dataset(connection, suite="desk", cases=cases, redactor=redactor, verified=lambda _dataset_id: known)
        )
        return remembered[-1]

    assert again(cases).verified is None  # something was written
    compared = again(cases)
    assert "GET /examples" in connection.seen
    spared = again(cases)
    assert connection.seen == ["GET /datasets", f"GET /datasets/{compared.dataset_id}/version"]
    assert (spared, spared.examples, spared.changed) == (compared, 2, False)

    example = next(server.recorder.examples.find(dataset_id=str(compared.dataset_id), limit=1).__iter__())
    connection.client.delete_example(example["id"])  # by another client
    assert again(cases).created == 1
    again(cases)
    assert again([a_case(1), a_case(2, input="another question")]).updated == 1
    again([a_case(1)])
    assert again([a_case(1)], Redactor(enabled=False)).updated == 1


def test_only_what_differs_is_written(server: RecorderServer, connection: CountingConnection) -> None:
    first = sync(connection, [a_case(1), a_case(2), a_case(3)])
    second = sync(connection, [a_case(1), a_case(2, input="another question"), a_case(4)])
    assert (second.created, second.updated, second.deleted) == (1, 1, 1)
    stored = examples(server, second)
    assert sorted(stored) == ["c1", "c2", "c4"]
    assert stored["c2"]["inputs"]["input"] == "another question"
    assert second.dataset_id == first.dataset_id
    assert first.as_of is not None
    assert second.as_of is not None
    assert second.as_of > first.as_of
    before = server.recorder.examples.find(dataset_id=str(first.dataset_id), as_of=first.as_of.isoformat(), limit=-1)
    assert sorted(example["metadata"]["case_id"] for example in before) == ["c1", "c2", "c3"]


def test_what_people_added_by_hand_stays(server: RecorderServer, connection: CountingConnection) -> None:
    synced = sync(connection, [a_case(1)])
    server.recorder.examples.create(str(synced.dataset_id), [{"inputs": {"by": "hand"}}])
    assert sync(connection, [a_case(1)]).deleted == 0


def test_a_changed_redaction_writes_the_examples_anew(
    server: RecorderServer, connection: CountingConnection, make_settings: MakeSettings
) -> None:
    cases = [a_case(1, input="I am order-77")]
    sync(connection, cases)
    stricter = Redactor.of(make_settings(redaction_patterns={"order": r"order-\d+"}))
    synced = sync(connection, cases, stricter)
    assert synced.updated == 1
    assert examples(server, synced)["c1"]["inputs"]["input"] == "I am [redacted:order]"


@pytest.mark.parametrize("profile", list(InfoProfile), ids=str)
def test_every_kind_of_server_is_kept_in_sync(profile: InfoProfile, tmp_path: Path) -> None:
    with RecorderServer(config=RecorderConfig(profile=profile)) as server:
        settings = LangSmithSettings(recorder_url=server.url, spool_folder=tmp_path)
        connection = Connection(settings.destinations[0], settings)
        sync(connection, [a_case(1), a_case(2)])
        synced = sync(connection, [a_case(1, input="new"), a_case(3)])
        assert (synced.created, synced.updated, synced.deleted) == (1, 1, 1)
        session = open_experiment(connection, a_plan(), synced, redactor=REDACTOR)
        sender = SpoolingSender(settings)
        sender.send_runs([run for _ in range(3) for run in a_trace(session_name="desk-1")])
        counts = sender.close()
        assert status_of_rows(connection, session, expected=3, counts=counts).complete
        connection.close()


def test_two_runs_may_sync_at_once(server: RecorderServer, make_settings: MakeSettings) -> None:
    cases = [a_case(number) for number in range(120)]

    def one_run(_: int) -> SyncedDataset:
        connection = Connection(make_settings().destinations[0], make_settings())
        try:
            return sync(connection, cases)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        synced = list(pool.map(one_run, range(4)))
    assert len({each.dataset_id for each in synced}) == 1
    assert len(examples(server, synced[0])) == 120


def test_a_number_that_no_server_takes_costs_its_own_field_not_the_dataset(
    server: RecorderServer, connection: CountingConnection
) -> None:
    big = 123456789012345678901234567890
    odd = Case.model_validate({"id": "wei", "input": "x", "reference": {"balance": big, "share": float("nan"), "n": 1}})
    synced = sync(connection, [a_case(1), odd])
    assert synced.created == 2
    assert examples(server, synced)["wei"]["outputs"] == {"balance": str(big), "share": None, "n": 1}
    assert not sync(connection, [a_case(1), odd]).changed
