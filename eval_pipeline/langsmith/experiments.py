"""The project of an experiment: made before any run, closed after the last."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langsmith.env import get_git_info

from eval_pipeline.errors import TransientError
from eval_pipeline.langsmith.client import Connection
from eval_pipeline.langsmith.dataset_sync import SyncedDataset
from eval_pipeline.langsmith.ids import example_id, session_id
from eval_pipeline.langsmith.urls import WebUrls
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.suite.dataset.origin import DatasetOrigin
from eval_pipeline.tracing.send.queued_item import Parcel, request_parcel


@dataclass(frozen=True, kw_only=True)
class ExperimentPlan:
    """What is known of an experiment when it begins."""

    name: str
    suite: str
    cases: int
    repetitions: int
    splits: tuple[str, ...]
    evaluator_keys: tuple[str, ...] = ()
    """The keys of the feedback each row will have; `feedback.evaluator_keys`."""
    metadata: Mapping[str, Any]
    """`context_id`, `dataset_content_version`, `target_version`, `model`, prompt commits, Dagster's ids."""
    description: str | None = None
    origin: DatasetOrigin | None = None
    """The dataset on LangSmith that the cases came from: rows refer to its examples."""
    dataset_id: UUID | None = None
    """What earlier runs, of the experiment if there are any, took for the dataset's id: results hold URLs with it."""


@dataclass(frozen=True, kw_only=True)
class ExperimentSession:
    """An experiment's project on one server."""

    id: UUID
    name: str
    dataset_id: UUID
    started_at: dt.datetime
    urls: WebUrls
    example_ids: Mapping[str, UUID] = field(default_factory=dict)
    """By case id, of those that came from a dataset; of others they are worked out."""

    @property
    def url(self) -> str:
        """The rows of the experiment."""
        return self.urls.experiment(self.dataset_id, self.id)

    @property
    def project_url(self) -> str:
        """The traces of the experiment."""
        return self.urls.project(self.id)

    @property
    def dataset_url(self) -> str:
        """The dataset, with all its experiments."""
        return self.urls.dataset(self.dataset_id)

    def run_url(self, run_id: UUID | str) -> str:
        """One run, in its trace."""
        return self.urls.run(self.id, run_id)

    def comparison_url(self, *others: UUID | str) -> str:
        """The rows of this experiment beside those of others."""
        return self.urls.comparison(self.dataset_id, [self.id, *others])

    def example_id(self, case_id: str) -> UUID:
        """The example that a case is."""
        return self.example_ids.get(case_id) or example_id(self.dataset_id, case_id)


def session_body(plan: ExperimentPlan, dataset: SyncedDataset, redactor: Redactor) -> dict[str, Any]:
    """The body of `POST /sessions`."""
    metadata = {
        **git_metadata(),
        "dataset_version": None if dataset.as_of is None else dataset.as_of.isoformat(),
        "dataset_splits": list(plan.splits),
        "num_repetitions": plan.repetitions,
        "suite": plan.suite,
        **plan.metadata,
    }
    body = {
        "id": str(session_id(dataset.dataset_id, plan.name)),
        "name": plan.name,
        "description": plan.description,
        "reference_dataset_id": str(dataset.dataset_id),
        "start_time": dt.datetime.now(tz=dt.UTC).isoformat(),
        "extra": {"metadata": redactor.value({key: value for key, value in metadata.items() if value is not None})},
        "num_examples": plan.cases,
        "num_repetitions": plan.repetitions,
        "evaluator_keys": list(plan.evaluator_keys),
    }
    return {key: value for key, value in body.items() if value is not None}


def open_experiment(
    connection: Connection, plan: ExperimentPlan, dataset: SyncedDataset, *, redactor: Redactor
) -> ExperimentSession:
    """The experiment's project, made unless it is there: every run of a backfill gets the same one.

    Raises:
        TransientError: the server is away, or fails.
    """
    found = _named(connection, plan.name)
    if found is None or found.get("reference_dataset_id") != str(dataset.dataset_id):
        # Upsert: whoever else does this in the same moment gets the same project.
        body = session_body(plan, dataset, redactor)
        answer = connection.json("POST", "/sessions", body, upsert="true")
        if not answer.ok:
            raise _away(connection, f"the project {plan.name!r} cannot be made: {answer.text}")
        found = answer.json()
    return ExperimentSession(
        id=UUID(str(found["id"])),
        name=plan.name,
        dataset_id=dataset.dataset_id,
        started_at=_moment(found.get("start_time")),
        urls=connection.urls,
        example_ids=dataset.example_ids,
    )


def close_experiment(
    connection: Connection, session: ExperimentSession, *, metadata: Mapping[str, Any], redactor: Redactor
) -> None:
    """Give the experiment its end, and metadata besides what it has. Scores of the whole are feedback, sent as such.

    Raises:
        TransientError: the server is away, or fails.
    """
    answer = connection.json("GET", f"/sessions/{session.id}")
    if not answer.ok:
        raise _away(connection, f"the project {session.name!r} cannot be read: {answer.text}")
    # Metadata is replaced as a whole.
    before = (answer.json().get("extra") or {}).get("metadata") or {}
    body = {
        "end_time": dt.datetime.now(tz=dt.UTC).isoformat(),
        "extra": {"metadata": {**before, **redactor.value(dict(metadata))}},
    }
    answer = connection.json("PATCH", f"/sessions/{session.id}", body)
    if not answer.ok:
        raise _away(connection, f"the project {session.name!r} cannot be closed: {answer.text}")


def end_request(session: ExperimentSession) -> Parcel:
    """For a server that is away: the end alone, for what metadata it will have then is not known."""
    return request_parcel("PATCH", f"/sessions/{session.id}", {"end_time": dt.datetime.now(tz=dt.UTC).isoformat()})


def git_metadata() -> dict[str, Any]:
    """Commit, branch and whether there are changes, where this runs in a work tree. Nobody's name or address."""
    found = get_git_info()
    if not found.get("commit"):
        return {}
    named = {"commit": found["commit"], "branch": found["branch"], "dirty": found["dirty"]}
    return {"git": named, "git_sha": found["commit"]}


def _named(connection: Connection, name: str) -> dict[str, Any] | None:
    answer = connection.json("GET", "/sessions", name=name, limit=1)
    if not answer.ok:
        raise _away(connection, f"the project {name!r} cannot be looked up: {answer.text}")
    found = answer.json()
    return found[0] if found else None


def _moment(text: Any) -> dt.datetime:
    if not text:
        return dt.datetime.now(tz=dt.UTC)
    moment = dt.datetime.fromisoformat(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _away(connection: Connection, what: str) -> TransientError:
    where = connection.destination.api_url
    return TransientError(f"{where}: {what}", fix="try again; the evaluation itself does not need it")
