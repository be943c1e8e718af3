"""Create, find and close the project of an experiment."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langsmith.env import get_git_info

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.datasets import SyncedDataset
from eval_pipeline.langsmith.ids import example_id, session_id
from eval_pipeline.langsmith.urls import WebUrls
from eval_pipeline.redaction.identifiers import with_identifiers
from eval_pipeline.redaction.redactor import Redactor


@dataclass(frozen=True, kw_only=True)
class ExperimentPlan:
    """What an experiment's project states when the experiment begins."""

    name: str
    suite: str
    cases: int
    repetitions: int
    splits: tuple[str, ...]
    evaluator_keys: tuple[str, ...] = ()
    """The keys of the feedback that each row will have."""
    metadata: Mapping[str, Any]
    """`context_id`, `dataset_content_version`, `target_version`, `model`, prompt commits, Dagster's ids."""
    description: str | None = None
    dataset_id: UUID | None = None
    """The dataset's id in earlier runs, of this experiment if there are any: their results hold URLs with it."""


@dataclass(frozen=True, kw_only=True)
class ExperimentSession:
    """An experiment's project on one server."""

    id: UUID
    name: str
    dataset_id: UUID
    started_at: dt.datetime
    urls: WebUrls
    example_ids: Mapping[str, UUID] = field(default_factory=dict)
    """By case id, of examples that cases were read from; other ids follow from the dataset's."""

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
        """The id of a case's example."""
        return self.example_ids.get(case_id) or example_id(self.dataset_id, case_id)


def session_body(plan: ExperimentPlan, dataset: SyncedDataset, redactor: Redactor) -> dict[str, Any]:
    """The body of `POST /sessions`."""
    everything = {
        **git_metadata(),
        "dataset_version": None if dataset.as_of is None else dataset.as_of.isoformat(),
        "dataset_splits": list(plan.splits),
        "num_repetitions": plan.repetitions,
        "suite": plan.suite,
        **plan.metadata,
    }
    metadata = {key: value for key, value in everything.items() if value is not None}
    body = {
        "id": str(session_id(dataset.dataset_id, plan.name)),
        "name": plan.name,
        "description": plan.description,
        "reference_dataset_id": str(dataset.dataset_id),
        "start_time": dt.datetime.now(tz=dt.UTC).isoformat(),
        "extra": {"metadata": with_identifiers(metadata, redactor.value(metadata))},
        "num_examples": plan.cases,
        "num_repetitions": plan.repetitions,
        "evaluator_keys": list(plan.evaluator_keys),
    }
    return {key: value for key, value in body.items() if value is not None}


def open_experiment(
    connection: Connection, plan: ExperimentPlan, dataset: SyncedDataset, *, redactor: Redactor
) -> ExperimentSession:
    """Find the experiment's project, or create it: every run of a backfill gets the same one.

    Raises:
        TransientError: the server is unreachable, or fails.
    """
    session = _named(connection, plan.name)
    if session is None or session.get("reference_dataset_id") != str(dataset.dataset_id):
        # Upsert: another process that does this at the same moment gets the same project.
        body = session_body(plan, dataset, redactor)
        response = connection.json("POST", "/sessions", body, upsert="true")
        if not response.ok:
            raise connection.unavailable(f"the project {plan.name!r} cannot be created: {response.text}")
        session = response.json()
    return ExperimentSession(
        id=UUID(str(session["id"])),
        name=plan.name,
        dataset_id=dataset.dataset_id,
        started_at=_moment(session.get("start_time")),
        urls=connection.urls,
        example_ids=dataset.example_ids,
    )


def close_experiment(
    connection: Connection, session: ExperimentSession, *, metadata: Mapping[str, Any], redactor: Redactor
) -> None:
    """Set the experiment's end time, and add to its metadata.

    Raises:
        TransientError: the server is unreachable, or fails.
    """
    response = connection.json("GET", f"/sessions/{session.id}")
    if not response.ok:
        raise connection.unavailable(f"the project {session.name!r} cannot be read: {response.text}")
    # The server replaces metadata as a whole.
    present = (response.json().get("extra") or {}).get("metadata") or {}
    body = {
        "end_time": dt.datetime.now(tz=dt.UTC).isoformat(),
        "extra": {"metadata": {**present, **with_identifiers(metadata, redactor.value(dict(metadata)))}},
    }
    response = connection.json("PATCH", f"/sessions/{session.id}", body)
    if not response.ok:
        raise connection.unavailable(f"the project {session.name!r} cannot be closed: {response.text}")


def git_metadata() -> dict[str, Any]:
    """Commit, branch and whether there are changes, if this runs in a work tree. No person's name or address."""
    git = get_git_info()
    if not git.get("commit"):
        return {}
    shown = {"commit": git["commit"], "branch": git["branch"], "dirty": git["dirty"]}
    return {"git": shown, "git_sha": git["commit"]}


def _named(connection: Connection, name: str) -> dict[str, Any] | None:
    response = connection.json("GET", "/sessions", name=name, limit=1)
    if not response.ok:
        raise connection.unavailable(f"the project {name!r} cannot be looked up: {response.text}")
    sessions = response.json()
    return sessions[0] if sessions else None


def _moment(text: Any) -> dt.datetime:
    if not text:
        return dt.datetime.now(tz=dt.UTC)
    moment = dt.datetime.fromisoformat(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
