"""Dataset and experiment at every destination, whether or not it can be reached at this moment.

A server that is away is told later: what it has to make is spooled, to be made before any run is sent. Its ids are
known all the same, from what was learnt when it was last reached, or because they are made up here and kept.

Belongs here: the choice between telling now and later, and that memory. Does not belong here: the telling.
"""

import contextlib
import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from filelock import FileLock
from pydantic import BaseModel, ValidationError

from eval_pipeline.errors import TransientError
from eval_pipeline.suite.case import Case
from eval_pipeline.tracing.connection import Connection
from eval_pipeline.tracing.dataset_sync import SyncedDataset, example_of, sync_dataset
from eval_pipeline.tracing.experiment_session import ExperimentPlan, ExperimentSession, open_experiment, session_body
from eval_pipeline.tracing.flushing import spool_folder
from eval_pipeline.tracing.ids import example_id, session_id
from eval_pipeline.tracing.parcel import Parcel, request_parcel
from eval_pipeline.tracing.redaction import Redactor
from eval_pipeline.tracing.settings import LangSmithSettings
from eval_pipeline.tracing.spool import keep_requests
from eval_pipeline.tracing.urls import WebUrls

_log = logging.getLogger(__name__)

_EXAMPLES_AT_ONCE = 100


class _Known(BaseModel):
    """What was learnt of a server."""

    tenant_id: str = "-"
    datasets: dict[str, UUID] = {}


@dataclass(frozen=True, kw_only=True)
class SetUp:
    """A dataset and, where one was asked for, an experiment at the first destination."""

    dataset: SyncedDataset
    session: ExperimentSession
    online: bool
    """Whether every destination was told; else the spool tells them later."""


def set_up(
    settings: LangSmithSettings, plan: ExperimentPlan, cases: Sequence[Case], *, redactor: Redactor
) -> SetUp | None:
    """Dataset and experiment at each destination; what is returned is of the first. None when tracing is off.

    Raises:
        CredentialsError: a destination refuses its key.
    """
    first: SetUp | None = None
    online = True
    for destination in settings.destinations:
        connection = Connection(destination, settings)
        try:
            wanted = None if first is None else first.dataset.dataset_id
            made = _set_up_at(connection, settings, plan, cases, redactor, wanted)
        finally:
            connection.close()
        online = online and made.online
        first = first or made
    return None if first is None else SetUp(dataset=first.dataset, session=first.session, online=online)


def _set_up_at(
    connection: Connection,
    settings: LangSmithSettings,
    plan: ExperimentPlan,
    cases: Sequence[Case],
    redactor: Redactor,
    wanted: UUID | None,
) -> SetUp:
    memory = _Memory(settings, connection)
    if connection.check():
        try:
            dataset = sync_dataset(
                connection,
                suite=plan.suite,
                cases=cases,
                redactor=redactor,
                dataset_id=wanted,
                new_id=memory.known().datasets.get(plan.suite),
            )
            session = open_experiment(connection, plan, dataset, redactor=redactor)
        except TransientError as error:
            _log.warning("%s", error)
        else:
            memory.learn(plan.suite, dataset.dataset_id, connection.tenant_id)
            return SetUp(dataset=dataset, session=session, online=True)
    return _later(connection, settings, plan, cases, redactor, memory.dataset_id(plan.suite, wanted))


def _later(
    connection: Connection,
    settings: LangSmithSettings,
    plan: ExperimentPlan,
    cases: Sequence[Case],
    redactor: Redactor,
    dataset_id: UUID,
) -> SetUp:
    dataset = SyncedDataset(dataset_id=dataset_id, name=plan.suite, as_of=None, examples=len(cases))
    folder = spool_folder(settings, connection.destination.name)
    keep_requests(folder, _requests(plan, dataset, cases, redactor))
    session = ExperimentSession(
        id=session_id(dataset_id, plan.name),
        name=plan.name,
        dataset_id=dataset_id,
        started_at=dt.datetime.now(tz=dt.UTC),
        urls=WebUrls(web_url=connection.destination.web_url, tenant_id=_Memory(settings, connection).known().tenant_id),
    )
    return SetUp(dataset=dataset, session=session, online=False)


def _requests(plan: ExperimentPlan, dataset: SyncedDataset, cases: Sequence[Case], redactor: Redactor) -> list[Parcel]:
    """All of it is there afterwards, whatever of it was there before: 409 says so."""
    found = [
        request_parcel("POST", "/datasets", {"id": dataset.dataset_id, "name": plan.suite, "data_type": "kv"}),
        request_parcel("POST", "/sessions", session_body(plan, dataset, redactor), params={"upsert": "true"}),
    ]
    examples = [
        {**example_of(case, example_id(dataset.dataset_id, case.id), redactor), "dataset_id": dataset.dataset_id}
        for case in cases
    ]
    starts = range(0, len(examples), _EXAMPLES_AT_ONCE)
    batches = [examples[start : start + _EXAMPLES_AT_ONCE] for start in starts]
    return [*found, *(request_parcel("POST", "/examples/bulk", batch) for batch in batches)]


class _Memory:
    """What is known of a server, in a file beside its spool."""

    def __init__(self, settings: LangSmithSettings, connection: Connection) -> None:
        self._folder = spool_folder(settings, connection.destination.name)
        self._file = self._folder / "known.json"

    def known(self) -> _Known:
        with contextlib.suppress(OSError, ValidationError):
            return _Known.model_validate_json(self._file.read_bytes())
        return _Known()

    def dataset_id(self, suite: str, wanted: UUID | None) -> UUID:
        """The dataset's id, made up and remembered where it is not known."""
        found = self.known().datasets.get(suite)
        if wanted is None and found is not None:
            return found
        self.learn(suite, wanted or uuid4(), None)
        return self.known().datasets[suite]

    def learn(self, suite: str, dataset_id: UUID, tenant_id: str | None) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / ".known.lock"):
            known = self.known()
            if known.datasets.get(suite) == dataset_id and tenant_id in (None, known.tenant_id):
                return
            datasets = {**known.datasets, suite: dataset_id}
            changed = _Known(tenant_id=tenant_id or known.tenant_id, datasets=datasets)
            temporary = self._file.with_suffix(".tmp")
            temporary.write_text(changed.model_dump_json(), encoding="utf-8")
            temporary.rename(self._file)
