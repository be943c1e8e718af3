"""Restore the experiments and datasets of spooled traces at a server that lacks them, from what the store has."""

from collections.abc import Iterator

import orjson
from pydantic import ValidationError

from eval_pipeline.errors import EvalPipelineError
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.experiments import ExperimentPlan
from eval_pipeline.pipeline.experiment_metadata import record_metadata
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.experiment_record import ExperimentRecord, find_experiment
from eval_pipeline.settings import Destination, LangSmithSettings
from eval_pipeline.store.layout import cases_key
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.stored import stored_origin
from eval_pipeline.tracing.experiment.setup import set_up
from eval_pipeline.tracing.experiment.trace_status import read_traced
from eval_pipeline.tracing.send.flush import spool_folder
from eval_pipeline.tracing.send.spool import spooled_items

_log = logger_of(__name__)


def restore_experiments(settings: LangSmithSettings, store: Store) -> list[str]:
    """Create what spooled traces belong to and a destination lacks; returns the names of the experiments.

    A recorder's database may have been deleted, or another server may answer at the address, since an experiment began.
    A trace sent there by itself would create a plain project of that name, without rows.
    """
    restored = []
    for destination in settings.destinations:
        alone = settings.model_copy(update={"mode": destination.name})
        for suite, experiment in sorted(set(_spooled_experiments(settings, destination))):
            try:
                if _restore(alone, store, suite, experiment):
                    restored.append(experiment)
            except EvalPipelineError as error:
                _log.warning("%s cannot be restored: %s", experiment, error)
    return restored


def _spooled_experiments(settings: LangSmithSettings, destination: Destination) -> Iterator[tuple[str, str]]:
    """Suite and experiment of each root run that waits."""
    for item in spooled_items(spool_folder(settings, destination.name)):
        if item.kind != "run" or item.head.get("parent_run_id") is not None or "extra" not in item.payload:
            continue
        labels = (orjson.loads(item.payload["extra"]) or {}).get("metadata") or {}
        if isinstance(labels.get("suite"), str) and isinstance(labels.get("experiment"), str):
            yield labels["suite"], labels["experiment"]


def _restore(settings: LangSmithSettings, store: Store, suite: str, experiment: str) -> bool:
    """Create an experiment and its dataset unless they are there; whether they were created."""
    (destination,) = settings.destinations
    with Connection(destination, settings, insists=True) as connection:
        response = connection.request("GET", "/sessions", params={"name": experiment, "limit": 1})
        if not response.ok or response.json():
            return False
    record = find_experiment(store, suite, experiment)
    if record is None:
        return False
    cases = _cases(store, record)
    redactor = Redactor.of(settings)
    traced = read_traced(store, suite, experiment)
    plan = ExperimentPlan(
        name=experiment,
        suite=suite,
        cases=len(cases),
        repetitions=record.repetitions or 1,
        splits=tuple(sorted({redactor.text(case.split) for case in cases})),
        metadata=record_metadata(record),
        dataset_id=traced[0].dataset_id if traced else None,
    )
    set_up(settings, plan, cases, redactor=redactor, origin=stored_origin(store, suite, record.dataset_version))
    return True


def _cases(store: Store, record: ExperimentRecord) -> list[Case]:
    table = store.get_table(cases_key(record.suite, record.dataset_version), ["content"])
    cases = []
    for content in [] if table is None else table.column("content").to_pylist():
        try:
            cases.append(Case.model_validate_json(content))
        except ValidationError:
            _log.warning("a case of %s cannot be read; its example is not restored", record.experiment)
    return cases
