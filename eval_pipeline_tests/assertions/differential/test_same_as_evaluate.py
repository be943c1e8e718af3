"""Suites give evaluators, rows and feedback what LangSmith's `evaluate` gives them, against the same recorder."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from langsmith import Client

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.experiments import ExperimentPlan, open_experiment
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline.tracing.experiment.dataset_sync import synced_origin
from eval_pipeline.tracing.experiment.feedback import feedback_of
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline.tracing.shape.case_trace import CaseTracer
from eval_pipeline_tests.assertions.differential.agents import TARGETS
from eval_pipeline_tests.assertions.differential.forms import FORMS
from eval_pipeline_tests.assertions.differential.shapes import ATTACHMENTS, SHAPES
from eval_pipeline_tests.building import a_suite, an_evaluator

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed after Jan 31, 2027:DeprecationWarning"),
    # evaluate() passes these itself, in a thread that swallows the error a warning becomes.
    pytest.mark.filterwarnings("ignore:The following arguments are no longer used in the create_feedback endpoint"),
    # evaluate() imports pandas for its notebook view.
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),
]

OWN_KEYS = frozenset({"passed", "score"})
"""Keys of feedback that only our rows have."""


@dataclass(frozen=True)
class Row:
    """A row of an experiment: inputs and outputs of its run, and the scores and labels of its feedback."""

    inputs: Any
    outputs: Any
    feedback: dict[str, tuple[Any, Any]]


Rows = dict[str, Row]
"""By the id of the example."""


@pytest.fixture(scope="module")
def recorder() -> Iterator[RecorderServer]:
    with RecorderServer() as server:
        client = Client(api_url=server.url, api_key="any")
        dataset = client.create_dataset("shapes")
        examples: list[Any] = [
            {"inputs": given, "reference_outputs": expected, "attachments": ATTACHMENTS.get(name)}
            for name, (given, expected) in SHAPES.items()
        ]
        client.create_examples(dataset_id=dataset.id, examples=examples)
        yield server


def rows_of(client: Client, project: str) -> Rows:
    """The rows of an experiment, as the recorder has them."""
    runs = list(client.list_runs(project_name=project, is_root=True))
    feedback: dict[uuid.UUID, dict[str, tuple[Any, Any]]] = {run.id: {} for run in runs}
    for each in client.list_feedback(run_ids=[run.id for run in runs]):
        assert each.run_id is not None
        feedback[each.run_id][each.key] = (each.score, each.value)
    return {str(run.reference_example_id): Row(run.inputs, run.outputs, feedback[run.id]) for run in runs}


def rows_of_the_sdk(server: RecorderServer, target: Any) -> Rows:
    """The rows that `evaluate`, or `aevaluate` of a coroutine function, makes."""
    client = Client(api_url=server.url, api_key="any")
    given: dict[str, Any] = {
        "data": "shapes",
        "evaluators": list(FORMS.values()),
        "experiment_prefix": "sdk",
        "disable_evaluator_tracing": True,
        "max_concurrency": 4,
    }
    if asyncio.iscoroutinefunction(target):
        results: Any = asyncio.run(client.aevaluate(target, **given))
    else:
        results = client.evaluate(target, **given)
    client.flush(timeout=30)
    return rows_of(client, results.experiment_name)


def rows_of_ours(server: RecorderServer, target: dict[str, Any], folder: Path) -> Rows:
    """The rows that a suite with the same dataset, target and evaluators makes."""
    forms = "eval_pipeline_tests.assertions.differential.forms"
    checks = [{"type": "evaluator", "path": f"{forms}:{name}"} for name in FORMS]
    suite = a_suite(folder, cases={"langsmith_dataset": "shapes"}, target=target, assertions=checks)
    settings = LangSmithSettings.model_validate({"recorder_url": server.url, "spool_folder": folder / "spool"})
    dataset = load_dataset(suite)
    assert dataset.origin is not None
    plan = ExperimentPlan(
        name=f"ours-{uuid.uuid4()}", suite="shapes", cases=len(SHAPES), repetitions=1, splits=("base",), metadata={}
    )
    with Connection(settings.destinations[0], settings) as connection:
        session = open_experiment(connection, plan, synced_origin(dataset.origin), redactor=Redactor())
    sender = SpoolingSender(settings)
    tracer = CaseTracer(
        experiment=session,
        sender=sender,
        feedback=lambda result, trace: feedback_of(
            result,
            run_id=trace.run_id,
            trace_id=trace.trace_id,
            session_id=str(session.id),
            start_time=trace.start_time,
            evaluator_run_id=trace.evaluator_run_id,
        ),
    )
    evaluator = replace(an_evaluator(suite), tracer=tracer)
    attempts = [Attempt(case=case, number=1) for case in dataset.cases]

    async def make() -> list[CaseResult]:
        return [result async for result in evaluate_all(evaluator, attempts, max_concurrency=4)]

    results = asyncio.run(make())
    sender.close()
    errors = [result.error for result in results] + [each.error for result in results for each in result.assertions]
    assert [error.traceback for error in errors if error is not None] == []
    return rows_of(Client(api_url=server.url, api_key="any"), plan.name)


@pytest.mark.parametrize("name", TARGETS)
def test_rows_and_feedback_are_those_of_evaluate(
    name: str, recorder: RecorderServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", recorder.url)
    monkeypatch.setenv("LANGSMITH_ENDPOINT", recorder.url)
    monkeypatch.setenv("LANGSMITH_API_KEY", "any")
    target, named = TARGETS[name]
    expected, ours = rows_of_the_sdk(recorder, target), rows_of_ours(recorder, named, folder)
    assert len(expected) == len(SHAPES)
    assert ours.keys() == expected.keys()
    differences = {
        (example_id, key): (mine.get(key, "nothing"), row.feedback.get(key, "nothing"))
        for example_id, row in expected.items()
        for mine in [ours[example_id].feedback]
        for key in {*mine, *row.feedback} - OWN_KEYS
        if mine.get(key, "nothing") != row.feedback.get(key, "nothing")
    }
    assert differences == {}
    assert {key: (row.inputs, row.outputs) for key, row in ours.items()} == {
        key: (row.inputs, row.outputs) for key, row in expected.items()
    }
