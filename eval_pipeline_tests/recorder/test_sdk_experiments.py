"""Experiments through the SDK, in every profile: evaluate, aevaluate, comparisons, statistics, uploads."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from langsmith import Client
from langsmith.evaluation import evaluate_comparative

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.recorder.frames import a_client, a_run, with_client

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed after Jan 31, 2027:DeprecationWarning"),
    # evaluate() passes these itself, in a thread that swallows the error a warning becomes.
    pytest.mark.filterwarnings("ignore:The following arguments are no longer used in the create_feedback endpoint"),
    # evaluate() imports pandas for its notebook view.
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),
]


def double(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"double": 2 * inputs["n"]}


async def adouble(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"double": 2 * inputs["n"]}


def correct(outputs: dict[str, Any], reference_outputs: dict[str, Any]) -> bool:
    return bool(outputs == reference_outputs)


def share(outputs: list[dict[str, Any]], reference_outputs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"key": "share", "score": sum(map(dict.__eq__, outputs, reference_outputs)) / len(outputs)}


def prefer_first(runs: list[Any], example: Any) -> dict[str, Any]:  # noqa: ARG001 - the SDK's signature
    return {"key": "preferred", "scores": {runs[0].id: 1, runs[1].id: 0}}


# The SDK accepts functions of these shapes, but its annotations do not.
SCORES: list[Any] = [correct]
SUMMARIES: list[Any] = [share]
PREFERENCES: list[Any] = [prefer_first]


def numbers(client: Client) -> str:
    """A dataset of five numbers, one of which has a wrong reference."""
    dataset = client.create_dataset("numbers")
    examples = [{"inputs": {"n": n}, "reference_outputs": {"double": 2 * n if n else 1}} for n in range(5)]
    client.create_examples(dataset_id=dataset.id, examples=examples)
    return str(dataset.id)


def check_experiment(client: Client, name: str, dataset_id: str) -> None:
    project = client.read_project(project_name=name, include_stats=True)
    assert str(project.reference_dataset_id) == dataset_id
    assert (project.run_count, project.error_rate) == (5, 0)
    assert (project.feedback_stats or {})["correct"]["avg"] == pytest.approx(0.8)
    assert (project.feedback_stats or {})["correct"]["n"] == 5
    assert project.latency_p50 is not None
    assert project.latency_p50 < timedelta(seconds=5)
    assert "dataset_version" in project.metadata


def test_evaluate_makes_an_experiment_with_scores(client: Client, errors: list[Exception]) -> None:
    dataset_id = numbers(client)
    results = client.evaluate(
        double, data="numbers", evaluators=SCORES, summary_evaluators=SUMMARIES, experiment_prefix="sync"
    )
    client.flush(timeout=10)
    assert errors == []
    check_experiment(client, results.experiment_name, dataset_id)
    project = client.read_project(project_name=results.experiment_name, include_stats=True)
    assert (project.session_feedback_stats or {})["share"]["avg"] == pytest.approx(0.8)


async def test_aevaluate_makes_an_experiment_with_scores(client: Client, errors: list[Exception]) -> None:
    dataset_id = numbers(client)
    results = await client.aevaluate(adouble, data="numbers", evaluators=SCORES, experiment_prefix="async")
    client.flush(timeout=10)
    assert errors == []
    check_experiment(client, results.experiment_name, dataset_id)


def test_an_experiment_is_read_back_example_by_example(client: Client) -> None:
    numbers(client)
    name = client.evaluate(double, data="numbers", evaluators=SCORES).experiment_name
    client.flush(timeout=10)
    results = client.get_experiment_results(name=name)
    examples = list(results["examples_with_runs"])
    assert [example.inputs["n"] for example in examples] == [0, 1, 2, 3, 4]
    assert [run.outputs for example in examples for run in example.runs] == [{"double": 2 * n} for n in range(5)]
    assert [len(example.runs) for example in examples] == [1] * 5
    assert results["run_stats"]["run_count"] == 5


async def test_experiment_runs_of_v2_are_paged(server: RecorderServer) -> None:
    await with_client(server, check_experiment_runs_of_v2)


async def check_experiment_runs_of_v2(client: Client) -> None:
    dataset_id = numbers(client)
    name = client.evaluate(double, data="numbers", upload_results=True).experiment_name
    client.flush(timeout=10)
    experiment = str(client.read_project(project_name=name).id)
    first = await client.datasets.experiment_runs.query(
        dataset_id, experiment_ids=[experiment], page_size=3, selects=["OUTPUTS"]
    )
    assert [(item.runs or [])[0].outputs for item in first.items or []] == [{"double": 2 * n} for n in range(3)]
    assert [item.id async for item in first] == [str(e.id) for e in client.list_examples(dataset_id=dataset_id)]


def test_two_experiments_are_compared_pairwise(client: Client, any_profile: RecorderServer) -> None:
    dataset_id = numbers(client)
    names = [client.evaluate(double, data="numbers", experiment_prefix=p).experiment_name for p in ("a", "b")]
    client.flush(timeout=10)
    evaluate_comparative((names[0], names[1]), evaluators=PREFERENCES, client=client)
    client.flush(timeout=10)
    (comparison,) = any_profile.recorder.comparisons.of_dataset(dataset_id)
    assert [info["name"] for info in comparison["experiments_info"]] == names
    given = any_profile.recorder.feedback.find(keys=["preferred"])
    assert len(given) == 10
    assert {feedback["comparative_experiment_id"] for feedback in given} == {comparison["id"]}
    means = [
        (client.read_project(project_name=name, include_stats=True).feedback_stats or {})["preferred"]["avg"]
        for name in names
    ]
    assert means == [1, 0]


def test_a_project_name_is_taken_once_unless_upserted(client: Client) -> None:
    first = client.create_project("experiment", metadata={"a": 1}, num_examples=3)
    with pytest.raises(Exception, match="already exists"):
        client.create_project("experiment")
    again = client.create_project("experiment", upsert=True)
    assert again.id == first.id
    changed = client.update_project(first.id, metadata={"b": 2}, end_time=datetime.now(UTC))
    assert changed.metadata["b"] == 2
    assert changed.extra is not None
    assert changed.extra["__progress"]["num_examples"] == 3
    assert {project.name for project in client.list_projects()} == {"experiment", "default"}
    client.delete_project(project_name="experiment")
    assert not client.has_project("experiment")


def test_tokens_of_a_session_count_every_run_once_and_zero_is_a_count(server: RecorderServer) -> None:
    client = a_client(server)
    usage = {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110, "total_cost": 0.25}
    root = a_run(session_name="costs")
    live = a_run(root, run_type="llm", outputs={"text": "x", "usage_metadata": usage})
    graft = a_run(root, run_type="llm", extra={"metadata": {"usage_metadata": dict.fromkeys(usage, 0)}})
    message = {"lc": 1, "id": ["AIMessage"], "kwargs": {"content": "x", "usage_metadata": {"input_tokens": 7}}}
    generated = a_run(root, run_type="llm", outputs={"generations": [[{"message": message}]]})
    runs = [{**run, "session_name": "costs"} for run in (root, live, graft, generated)]
    client.multipart_ingest(create=[dict(run) for run in runs])
    project = client.read_project(project_name="costs", include_stats=True)
    assert (project.prompt_tokens, project.completion_tokens, project.total_tokens) == (107, 10, 117)
    assert float(project.total_cost or 0) == 0.25
    assert client.read_run(root["id"]).total_tokens == 117
    assert client.read_run(live["id"]).total_cost is not None
    assert client.read_run(graft["id"]).total_tokens == 0
    client.close()


def test_an_external_experiment_is_uploaded_with_its_scores(server: RecorderServer) -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    row = {
        "row_id": str(uuid4()),
        "inputs": {"n": 1},
        "expected_outputs": {"double": 2},
        "actual_outputs": {"double": 3},
        "evaluation_scores": [{"key": "correct", "score": 0, "comment": "off by one"}],
        "start_time": start.isoformat(),
        "end_time": (start + timedelta(seconds=3)).isoformat(),
        "run_name": "external",
    }
    body = {
        "experiment_name": "elsewhere",
        "experiment_start_time": start.isoformat(),
        "experiment_end_time": (start + timedelta(minutes=1)).isoformat(),
        "dataset_name": "external",
        "summary_experiment_scores": [{"key": "mean", "score": 0.5}],
        "results": [row],
    }
    answer = httpx.post(f"{server.url}/api/v1/datasets/upload-experiment", json=body).json()
    assert answer["dataset"]["externally_managed"] is True
    client = a_client(server)
    project = client.read_project(project_name="elsewhere", include_stats=True)
    assert str(project.id) == answer["experiment"]["id"]
    assert (project.run_count, project.latency_p50) == (1, timedelta(seconds=3))
    assert (project.feedback_stats or {})["correct"]["comments"] == ["off by one"]
    assert (project.session_feedback_stats or {})["mean"]["avg"] == 0.5
    late = {**row, "row_id": str(uuid4()), "end_time": (start + timedelta(hours=1)).isoformat()}
    refused = httpx.post(
        f"{server.url}/datasets/upload-experiment", json={**body, "experiment_name": "late", "results": [late]}
    )
    assert refused.status_code == 422
    assert not client.has_project("late")
    client.close()
