"""Create dataset and experiment at every destination, or spool the requests that create them.

Requests that a server cannot take now are spooled, to be made before any run is sent; those that the spool cannot take
either stay with the process that has the runs. Ids do not depend on the server being reachable: they come from the
cache of what it answered before, or are generated here and kept.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from eval_pipeline.errors import TransientError
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.datasets import SyncedDataset
from eval_pipeline.langsmith.experiments import ExperimentPlan, ExperimentSession, open_experiment, session_body
from eval_pipeline.langsmith.ids import example_id, session_id
from eval_pipeline.langsmith.urls import WebUrls
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import DestinationName, LangSmithSettings
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.dataset import DatasetOrigin
from eval_pipeline.tracing.experiment.dataset_sync import example_of, is_at, sync_dataset
from eval_pipeline.tracing.experiment.server_cache import ServerCache
from eval_pipeline.tracing.send.flush import spool_folder
from eval_pipeline.tracing.send.queued_item import QueuedItem, request_item
from eval_pipeline.tracing.send.spool import keep_requests, why_not_writable

_log = logger_of(__name__)

_EXAMPLES_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True)
class ExperimentSetup:
    """A dataset and an experiment at the first destination."""

    dataset: SyncedDataset
    session: ExperimentSession
    online: bool
    """Whether they exist at every destination; otherwise spooled requests create them later."""
    owed: Mapping[DestinationName, Sequence[QueuedItem]]
    """Requests that the spool could not take: they go to the destination before any run."""


def check_destinations(settings: LangSmithSettings) -> list[str]:
    """Ask every destination at the start of a run; a message for each that is unreachable, with what its traces do.

    Raises:
        CredentialsError: a destination refuses its key.
    """
    messages = []
    for destination in settings.destinations:
        with Connection(destination, settings) as connection:
            response = connection.check()
            if not response.ok:
                connection.breaker.report_outage()
                messages.append(_unreachable(settings, f"{destination.api_url} cannot be reached ({response.text})"))
    return messages


def _unreachable(settings: LangSmithSettings, message: str) -> str:
    folder = settings.spool_folder
    reason = why_not_writable(folder)
    if reason is not None:
        return (
            f"{message}, and the spool {folder} cannot be written ({reason}): traces are lost until one of them can be "
            "used; afterwards `eval-pipeline run SUITE --resume` sends the rows that are missing"
        )
    return f"{message}: traces are kept in {folder} and sent by `eval-pipeline traces flush`"


def set_up(
    settings: LangSmithSettings,
    plan: ExperimentPlan,
    cases: Sequence[Case],
    *,
    redactor: Redactor,
    origin: DatasetOrigin | None = None,
) -> ExperimentSetup | None:
    """Create dataset and experiment at each destination; returns those of the first, or None when tracing is off.

    Args:
        settings: the destinations.
        plan: the experiment.
        cases: what the dataset should hold.
        redactor: applied to everything that is sent.
        origin: the dataset on LangSmith that the cases came from: rows refer to its examples.

    Raises:
        CredentialsError: a destination refuses its key.
    """
    first: ExperimentSetup | None = None
    online = True
    owed: dict[DestinationName, Sequence[QueuedItem]] = {}
    for destination in settings.destinations:
        with Connection(destination, settings) as connection:
            at = _AtDestination(connection, settings, plan.suite, cases, redactor, origin)
            here = at.set_up(plan, required_id=None if first is None else first.dataset.dataset_id)
        online = online and here.online
        owed |= here.owed
        first = first or here
    return None if first is None else replace(first, online=online, owed=owed)


def sync_datasets(
    settings: LangSmithSettings, suite: str, cases: Sequence[Case], *, origin: DatasetOrigin | None = None
) -> str | None:
    """Make the dataset hold `cases` at every destination; returns its URL at the first that answers.

    Nothing is written to the dataset that the cases came from.

    Raises:
        CredentialsError: a destination refuses its key.
    """
    url: str | None = None
    dataset_id: UUID | None = None
    for destination in settings.destinations:
        with Connection(destination, settings) as connection:
            at = _AtDestination(connection, settings, suite, cases, Redactor.of(settings), origin)
            try:
                if not connection.check().ok:
                    continue
                dataset = at.synced(required_id=dataset_id)
                dataset_id = dataset_id or dataset.dataset_id
                url = url or connection.urls.dataset(dataset.dataset_id)
            except TransientError as error:
                _log.warning("%s", error)
    return url


def end_request(session: ExperimentSession) -> QueuedItem:
    """The request that sets an experiment's end time, to be spooled while the server is unreachable.

    It leaves metadata alone, for what the project has by then is not known, and the server replaces all of it.
    """
    return request_item("PATCH", f"/sessions/{session.id}", {"end_time": dt.datetime.now(tz=dt.UTC).isoformat()})


@dataclass(frozen=True)
class _AtDestination:
    """The dataset of a suite at one destination."""

    connection: Connection
    settings: LangSmithSettings
    suite: str
    cases: Sequence[Case]
    redactor: Redactor
    origin: DatasetOrigin | None

    def set_up(self, plan: ExperimentPlan, *, required_id: UUID | None) -> ExperimentSetup:
        if self.connection.check().ok:
            try:
                dataset = self.synced(required_id=required_id, new_id=plan.dataset_id)
                session = open_experiment(self.connection, plan, dataset, redactor=self.redactor)
            except TransientError as error:
                _log.warning("%s", error)
            else:
                return ExperimentSetup(dataset=dataset, session=session, online=True, owed={})
        return self._spooled(plan, required_id)

    def synced(self, *, required_id: UUID | None, new_id: UUID | None = None) -> SyncedDataset:
        """Sync the dataset, and cache its id: an experiment needs it if the server is unreachable when it begins."""
        cache = ServerCache(self.settings, self.connection)
        dataset = sync_dataset(
            self.connection,
            suite=self.suite,
            cases=self.cases,
            redactor=self.redactor,
            dataset_id=required_id,
            new_id=cache.read().datasets.get(self.suite) or new_id,
            origin=self.origin,
            verified=cache.verified,
        )
        cache.keep_dataset(self.suite, self.origin, dataset, self.connection.tenant_id)
        return dataset

    def _spooled(self, plan: ExperimentPlan, required_id: UUID | None) -> ExperimentSetup:
        destination, origin = self.connection.destination, self.origin
        cache = ServerCache(self.settings, self.connection)
        example_ids = {} if origin is None else origin.examples
        dataset = SyncedDataset(
            dataset_id=cache.dataset_id(self.suite, origin, required=required_id, otherwise=plan.dataset_id),
            name=self.suite,
            as_of=None,
            examples=len(self.cases),
            example_ids=example_ids,
        )
        folder = spool_folder(self.settings, destination.name)
        requests = self._requests(plan, dataset)
        owed: dict[DestinationName, Sequence[QueuedItem]] = {}
        if not keep_requests(folder, requests):
            owed[destination.name] = requests
            _log.error(
                "%s is unreachable, and the trace spool %s cannot be written: traces of %s are lost until one of them "
                "can be used",
                destination.api_url,
                folder,
                plan.name,
            )
        session = ExperimentSession(
            id=session_id(dataset.dataset_id, plan.name),
            name=plan.name,
            dataset_id=dataset.dataset_id,
            started_at=dt.datetime.now(tz=dt.UTC),
            urls=WebUrls(web_url=destination.web_url, tenant_id=cache.read().tenant_id),
            example_ids=example_ids,
        )
        return ExperimentSetup(dataset=dataset, session=session, online=False, owed=owed)

    def _requests(self, plan: ExperimentPlan, dataset: SyncedDataset) -> list[QueuedItem]:
        """Requests that create everything that is missing by then; the server answers 409 to what is there."""
        session = request_item(
            "POST", "/sessions", session_body(plan, dataset, self.redactor), params={"upsert": "true"}
        )
        if not self.cases or (self.origin is not None and is_at(self.origin, self.connection)):
            return [session]
        body = {"id": dataset.dataset_id, "name": self.suite, "data_type": "kv"}
        examples = [
            {**example_of(case, identity, self.redactor), "dataset_id": dataset.dataset_id}
            for case in self.cases
            for identity in [dataset.example_ids.get(case.id) or example_id(dataset.dataset_id, case.id)]
        ]
        starts = range(0, len(examples), _EXAMPLES_AT_ONCE)
        batches = [examples[start : start + _EXAMPLES_AT_ONCE] for start in starts]
        return [
            request_item("POST", "/datasets", body),
            session,
            *(request_item("POST", "/examples/bulk", batch) for batch in batches),
        ]
