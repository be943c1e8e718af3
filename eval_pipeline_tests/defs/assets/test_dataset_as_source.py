"""A suite whose cases are a LangSmith dataset: its rows refer to the examples of that dataset, which stays as it is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from langsmith import Client

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.tracing.send.flush import flush_spool
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.defs.assets.seen import metadata_of, runs_at


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[RecorderServer]:
    with RecorderServer(port=port, db_path=tmp_path / "recorder.sqlite") as running:
        yield running


@pytest.fixture
def examples(server: RecorderServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, UUID]:
    """A dataset of two examples, at the server that the environment names; their ids by product."""
    monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", server.url)
    client = Client(api_url=server.url, api_key="any", auto_batch_tracing=False)
    dataset = client.create_dataset("prices")
    asked = [
        {
            "inputs": {"question": f"What does {product} cost?"},
            "metadata": {"case_id": product, "assertions": [{"type": "contains", "value": price}]},
        }
        for product, price in {"tea": "4.20", "milk": "1.10"}.items()
    ]
    client.create_examples(dataset_id=dataset.id, examples=asked)
    ids = {(example.metadata or {})["case_id"]: example.id for example in client.list_examples(dataset_id=dataset.id)}
    client.close()
    return ids


@pytest.fixture
def project(project: DagsterProject, tmp_path: Path) -> DagsterProject:
    file = project.folder / "suite.yaml"
    file.write_text(file.read_text().replace("cases: cases.yaml", "cases: {langsmith_dataset: prices}"))
    project.register(["milk", "tea"])
    return replace(project, langsmith=_resource(tmp_path))


def _resource(tmp_path: Path, **given: Any) -> LangSmithResource:
    return LangSmithResource(
        mode="recorder",
        tracing_enabled=True,
        spool_folder=str(tmp_path / "spool"),
        upload_interval_seconds=0.05,
        **given,
    )


def _references(url: str) -> dict[str, UUID]:
    runs = runs_at(url)
    return {run["name"]: UUID(run["reference_example_id"]) for run in runs if run["reference_example_id"]}


def test_rows_refer_to_the_examples_that_the_cases_came_from(
    project: DagsterProject, server: RecorderServer, examples: dict[str, UUID]
) -> None:
    (before,) = server.recorder.datasets.find()
    versions = server.recorder.datasets.versions(before["id"])

    result = project.run("milk", "tea")

    assert result.success
    assert _references(server.url) == examples
    (after,) = server.recorder.datasets.find()
    assert (after["id"], after["name"]) == (before["id"], "prices"), "no copy is made"
    assert server.recorder.datasets.versions(before["id"]) == versions, "nothing is written to it"
    (experiment,) = [session for session in server.recorder.sessions.find() if session["reference_dataset_id"]]
    assert experiment["reference_dataset_id"] == before["id"]
    assert before["id"] in str(metadata_of(result, "test_cases"))


def test_at_another_server_the_copy_has_the_ids_of_the_examples(
    project: DagsterProject, server: RecorderServer, examples: dict[str, UUID], tmp_path: Path
) -> None:
    (source,) = server.recorder.datasets.find()
    with RecorderServer() as other:
        traced = replace(project, langsmith=_resource(tmp_path, recorder_url=other.url))

        assert traced.run("milk", "tea").success

        assert _references(other.url) == examples
        (copy,) = other.recorder.datasets.find()
        assert copy["id"] == source["id"]
        copied = other.recorder.examples.find(dataset_id=copy["id"], limit=-1)
        assert {UUID(example["id"]) for example in copied} == set(examples.values())


def test_a_server_that_was_unreachable_gets_the_experiment_and_not_the_dataset(
    project: DagsterProject, server: RecorderServer, examples: dict[str, UUID]
) -> None:
    assert project.run(assets=["test_cases", "shared_context"]).success
    (source,) = server.recorder.datasets.find()
    versions = server.recorder.datasets.versions(source["id"])
    server.stop()
    assert project.run("milk", "tea", assets=["case_results", "experiment"]).success
    server.start()

    flush_spool(project.langsmith.settings(), timeout_s=20)

    assert _references(server.url) == examples
    assert [dataset["name"] for dataset in server.recorder.datasets.find()] == ["prices"]
    assert server.recorder.datasets.versions(source["id"]) == versions
