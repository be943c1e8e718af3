"""Cases, an experiment's plan, and a connection that knows what it sent, for tests of datasets and experiments."""

from collections.abc import Mapping
from typing import Any

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.datasets import SyncedDataset
from eval_pipeline.langsmith.experiments import ExperimentPlan, ExperimentSession
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.case import Case
from eval_pipeline.tracing.experiment.dataset_sync import sync_dataset
from eval_pipeline.tracing.experiment.rows import row_ids
from eval_pipeline.tracing.experiment.trace_status import TraceStatus
from eval_pipeline.tracing.send.delivery_counts import DeliveryCounts

REDACTOR = Redactor()


def a_case(number: int, **fields: Any) -> Case:
    values: Mapping[str, Any] = {
        "id": f"c{number}",
        "input": f"question {number}",
        "reference": {"answer": "42"},
        "tags": ["easy"],
        "split": "test",
    }
    return Case.model_validate({**values, **fields})


def a_plan(name: str = "desk-1", **fields: Any) -> ExperimentPlan:
    return ExperimentPlan(
        **{
            "name": name,
            "suite": "desk",
            "cases": 2,
            "repetitions": 1,
            "splits": ("test",),
            "metadata": {"context_id": "ctx", "model": "offline"},
            **fields,
        }
    )


class CountingConnection(Connection):
    """Knows what it was asked to send."""

    def __init__(self, settings: LangSmithSettings) -> None:
        super().__init__(settings.destinations[0], settings)
        self.client.session.hooks["response"].append(self._note)
        self.seen: list[str] = []

    def _note(self, response: Any, *_: object, **__: object) -> None:
        path = response.request.path_url.partition("?")[0]
        self.seen.append(f"{response.request.method} {path.replace('/api/v1', '')}")


def sync(connection: Connection, cases: list[Case], redactor: Redactor = REDACTOR) -> SyncedDataset:
    return sync_dataset(connection, suite="desk", cases=cases, redactor=redactor)


def examples(server: RecorderServer, synced: SyncedDataset) -> dict[str, dict[str, Any]]:
    stored = server.recorder.examples.find(dataset_id=str(synced.dataset_id), limit=-1)
    return {example["metadata"]["case_id"]: example for example in stored}


def status_of_rows(
    connection: Connection, session: ExperimentSession, *, expected: int, counts: DeliveryCounts
) -> TraceStatus:
    """The status of an experiment that should have `expected` rows."""
    present = row_ids(connection, session)
    return TraceStatus(rows_expected=expected, rows_present=None if present is None else len(present), delivery=counts)
