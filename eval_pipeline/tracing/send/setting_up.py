"""Dataset and experiment at every destination, whether or not it can be reached at this moment.

A server that is away is told later: what it has to make is spooled, to be made before any run is sent; what the spool
does not take either is left to the process that has the runs. Its ids are known all the same, from what was learnt when
it was last reached, or because they are made up here and kept.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from eval_pipeline.errors import TransientError
from eval_pipeline.langsmith.client import Connection
from eval_pipeline.langsmith.dataset_sync import SyncedDataset, example_of, is_at, sync_dataset
from eval_pipeline.langsmith.experiments import ExperimentPlan, ExperimentSession, open_experiment, session_body
from eval_pipeline.langsmith.ids import example_id, session_id
from eval_pipeline.langsmith.server_memory import ServerMemory
from eval_pipeline.langsmith.urls import WebUrls
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import DestinationName, LangSmithSettings
from eval_pipeline.suite.case import Case
from eval_pipeline.tracing.send.flushing import spool_folder
from eval_pipeline.tracing.send.queued_item import Parcel, request_parcel
from eval_pipeline.tracing.send.spool import keep_requests

_log = logger_of(__name__)

_EXAMPLES_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True)
class SetUp:
    """A dataset and, where one was asked for, an experiment at the first destination."""

    dataset: SyncedDataset
    session: ExperimentSession
    online: bool
    """Whether every destination was told; else the spool tells them later."""
    owed: Mapping[DestinationName, Sequence[Parcel]]
    """What the spool could not take: the destination is to be told before it is sent any run."""


def set_up(
    settings: LangSmithSettings, plan: ExperimentPlan, cases: Sequence[Case], *, redactor: Redactor
) -> SetUp | None:
    """Dataset and experiment at each destination; what is returned is of the first. None when tracing is off.

    Raises:
        CredentialsError: a destination refuses its key.
    """
    first: SetUp | None = None
    online = True
    owed: dict[DestinationName, Sequence[Parcel]] = {}
    for destination in settings.destinations:
        connection = Connection(destination, settings)
        try:
            wanted = None if first is None else first.dataset.dataset_id
            made = _set_up_at(connection, settings, plan, cases, redactor, wanted)
        finally:
            connection.close()
        online = online and made.online
        owed |= made.owed
        first = first or made
    return None if first is None else replace(first, online=online, owed=owed)


def _set_up_at(
    connection: Connection,
    settings: LangSmithSettings,
    plan: ExperimentPlan,
    cases: Sequence[Case],
    redactor: Redactor,
    wanted: UUID | None,
) -> SetUp:
    memory = ServerMemory(settings, connection)
    if connection.check():
        try:
            dataset = sync_dataset(
                connection,
                suite=plan.suite,
                cases=cases,
                redactor=redactor,
                dataset_id=wanted,
                new_id=memory.known().datasets.get(plan.suite, plan.dataset_id),
                origin=plan.origin,
                verified=memory.verified,
            )
            session = open_experiment(connection, plan, dataset, redactor=redactor)
        except TransientError as error:
            _log.warning("%s", error)
        else:
            name = memory.name_of(plan.suite, plan.origin)
            memory.learn(name, dataset.dataset_id, connection.tenant_id, verified=dataset.verified)
            return SetUp(dataset=dataset, session=session, online=True, owed={})
    if plan.origin is not None:
        wanted = plan.origin.version.dataset_id
    dataset_id = memory.dataset_id(memory.name_of(plan.suite, plan.origin), wanted, otherwise=plan.dataset_id)
    return _later(connection, settings, plan, cases, redactor, dataset_id)


def _later(
    connection: Connection,
    settings: LangSmithSettings,
    plan: ExperimentPlan,
    cases: Sequence[Case],
    redactor: Redactor,
    dataset_id: UUID,
) -> SetUp:
    examples = {} if plan.origin is None else plan.origin.examples
    dataset = SyncedDataset(
        dataset_id=dataset_id, name=plan.suite, as_of=None, examples=len(cases), example_ids=examples
    )
    is_there = plan.origin is not None and is_at(plan.origin, connection)
    folder = spool_folder(settings, connection.destination.name)
    tenant_id = ServerMemory(settings, connection).known().tenant_id
    requests = _requests(plan, dataset, [] if is_there else cases, redactor)
    owed: dict[DestinationName, Sequence[Parcel]] = {}
    if not keep_requests(folder, requests):
        owed[connection.destination.name] = requests
        _log.error(
            "%s is away, and the trace spool %s cannot be written: traces of %s are lost until one of them can be used",
            connection.destination.api_url,
            folder,
            plan.name,
        )
    session = ExperimentSession(
        id=session_id(dataset_id, plan.name),
        name=plan.name,
        dataset_id=dataset_id,
        started_at=dt.datetime.now(tz=dt.UTC),
        urls=WebUrls(web_url=connection.destination.web_url, tenant_id=tenant_id),
        example_ids=examples,
    )
    return SetUp(dataset=dataset, session=session, online=False, owed=owed)


def _requests(plan: ExperimentPlan, dataset: SyncedDataset, cases: Sequence[Case], redactor: Redactor) -> list[Parcel]:
    """All of it is there afterwards, whatever of it was there before: 409 says so. Without cases the dataset is."""
    body = {"id": dataset.dataset_id, "name": plan.suite, "data_type": "kv"}
    found = [
        *([request_parcel("POST", "/datasets", body)] if cases else []),
        request_parcel("POST", "/sessions", session_body(plan, dataset, redactor), params={"upsert": "true"}),
    ]
    examples = [
        {**example_of(case, identity, redactor), "dataset_id": dataset.dataset_id}
        for case in cases
        for identity in [dataset.example_ids.get(case.id) or example_id(dataset.dataset_id, case.id)]
    ]
    starts = range(0, len(examples), _EXAMPLES_AT_ONCE)
    batches = [examples[start : start + _EXAMPLES_AT_ONCE] for start in starts]
    return [*found, *(request_parcel("POST", "/examples/bulk", batch) for batch in batches)]
