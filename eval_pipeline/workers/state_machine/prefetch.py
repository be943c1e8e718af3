"""The first state of a state machine: cases, shared context and experiment are there, and tasks for workers.

What three assets do in a run of Dagster, for those who have none. Asked again with the same launch it joins what is
there, and makes tasks of what is left.
"""

from collections.abc import Mapping, Sequence

import orjson
from pydantic import BaseModel, ConfigDict, Field

from eval_pipeline.context.build import ensure_snapshot
from eval_pipeline.context.plan import plan_context
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.pipeline.begin import Material, OpenExperiment, begin_or_join
from eval_pipeline.pipeline.evaluator import evaluator_of
from eval_pipeline.pipeline.plan import write_plan
from eval_pipeline.pipeline.trace_run import ExperimentTracing, begin_tracing
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.experiment_record import ExperimentRecord, experiment_name
from eval_pipeline.results.progress import standing_of
from eval_pipeline.results.result_log import set_unreadable_aside
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.content_hash import digest
from eval_pipeline.store.layout import items_key
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.checking.check import require_sound
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline.suite.dataset.stored import store_dataset, written_cases
from eval_pipeline.suite.spec.compute import FanOutCompute
from eval_pipeline.suite.suite import Suite
from eval_pipeline.tracing.experiment.setup import sync_datasets
from eval_pipeline.tracing.experiment.shared_context_trace import send_shared_trace
from eval_pipeline.tracing.shape.shared_trace import SharedTraceRecorder
from eval_pipeline.tracing.shape.spans import StoredSpans
from eval_pipeline.workers.dispatch.planning import Portion, plan_tasks
from eval_pipeline.workers.task import TaskTracing, task_fields

_FLUSH_SECONDS = 15.0
_CASES_PER_TASK = 25


class PrefetchRequest(BaseModel):
    """What a state machine is started with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    launch: str = Field(min_length=1)
    """What the experiment is named after: the same for every try, such as the id of the execution."""
    store: str | None = None
    cases: tuple[str, ...] | None = None
    """Those to evaluate; all by default."""
    repetitions: int | None = Field(default=None, ge=1)
    cases_per_task: int | None = Field(default=None, ge=1)
    """By default what the suite says under `compute:`."""


class Prefetched(BaseModel):
    """What the other states are given: references only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    experiment: str
    context_id: str
    dataset_version: str
    items: Mapping[str, str]
    """Where the items of the map are: `bucket` and `key`."""
    count: int
    """Of the items, each a task."""
    headers: Mapping[str, str]
    """`langsmith-trace` and `baggage`, in trace mode `unified`."""


def prefetch(request: PrefetchRequest, suite: Suite, store: Store, settings: LangSmithSettings) -> Prefetched:
    """Everything is there that workers need.

    Raises:
        InputError: the suite or the request cannot be used.
        ExperimentConflictError: the launch has an experiment that pins what is not so here.
        InfrastructureError: a source, a model or the store failed.
    """
    run_id = f"launch-{digest(request.launch)[:12]}"
    found = _experiment(request, suite, store, settings, run_id)
    record = found.record
    dataset = written_cases(store, suite, record.dataset_version)
    chosen = _chosen(request, dataset)
    write_plan(store, suite.name, record.experiment, run_id=run_id, cases=[case.id for case in chosen])
    evaluator = evaluator_of(suite, store, record, found.prompts)
    tracing = begin_tracing(
        settings,
        suite=suite.spec,
        record=record,
        dataset=dataset,
        cases=len(chosen),
        context=evaluator.context,
        store=store,
        run_id=run_id,
        opened=found.begun,
    )
    portions = _portions(request, store, record, evaluator, dataset, chosen, settings, tracing)
    key = items_key(suite.name, record.experiment, run_id)
    # Headers travel with the state, like all else that is not of one task.
    store.put(key, orjson.dumps([orjson.loads(portion.task.to_json()) for portion in portions]))
    return Prefetched(
        suite=suite.name,
        experiment=record.experiment,
        context_id=record.context_id or "",
        dataset_version=record.dataset_version,
        items=bucket_and_key(store, key),
        count=len(portions),
        headers=record.trace_headers or {},
    )


def _traced(tracing: ExperimentTracing | None, settings: LangSmithSettings, cases: int) -> TaskTracing | None:
    if tracing is None:
        return None
    begun_by = tracing.finish().run_id if tracing.online else None
    return TaskTracing.of(settings, begun_by=begun_by, dataset_cases=cases)


def _portions(
    request: PrefetchRequest,
    store: Store,
    record: ExperimentRecord,
    evaluator: CaseEvaluator,
    dataset: Sequence[Case],
    chosen: Sequence[Case],
    settings: LangSmithSettings,
    tracing: ExperimentTracing | None,
) -> list[Portion]:
    set_unreadable_aside(store, record.suite, record.experiment, run_id=request.launch)
    finished = standing_of(store, record).finished
    planned = [attempt for case in chosen for attempt in evaluator.attempts(case, record.repetitions)]
    compute = evaluator.suite.spec.compute
    default = compute.cases_per_task if isinstance(compute, FanOutCompute) else _CASES_PER_TASK
    traced = _traced(tracing, settings, len(dataset))
    common = task_fields(record, settings, store=store.root, tracing=traced)
    return plan_tasks(
        [case.id for case in dataset],
        [attempt for attempt in planned if (attempt.case.id, attempt.number) not in finished],
        cases_per_task=request.cases_per_task or default,
        finished=finished,
        like={**common, "headers": {}},
    )


def bucket_and_key(store: Store, key: str) -> dict[str, str]:
    """An object as AWS names it.

    Raises:
        InputError: the store is not in a bucket.
    """
    scheme, _, place = store.uri(key).partition("://")
    bucket, _, name = place.partition("/")
    if scheme != "s3" or not name:
        fix = "set EVAL_PIPELINE_STORE to s3://bucket/prefix"
        raise InputError(Problem(message=f"a state machine cannot read the store {store.root}", fix=fix))
    return {"bucket": bucket, "key": name}


def _experiment(
    request: PrefetchRequest, suite: Suite, store: Store, settings: LangSmithSettings, run_id: str
) -> OpenExperiment:
    """The experiment of the launch, with its dataset and context in the store."""

    def material() -> Material:
        redactor = Redactor.of(settings)
        dataset = load_dataset(suite, redactor=redactor)
        require_sound(suite, dataset.cases)
        store_dataset(store, suite.name, dataset)
        sync_datasets(settings, suite.name, dataset.cases, origin=dataset.origin)
        context = _context(suite, store, settings, redactor, dataset.cases, run_id)
        count = len(dataset.cases if request.cases is None else request.cases)
        return Material(dataset_version=dataset.version, context_id=context.id, cases=count)

    return begin_or_join(
        store,
        suite,
        experiment_name(suite.name, digest(request.launch)),
        material,
        settings=settings,
        run_id=run_id,
        repetitions=request.repetitions or suite.spec.repetitions,
        launched_by={"launch": request.launch},
    )


def _context(
    suite: Suite, store: Store, settings: LangSmithSettings, redactor: Redactor, cases: Sequence[Case], run_id: str
) -> SharedContext:
    recorder = SharedTraceRecorder(redact=redactor.json)
    snapshot = ensure_snapshot(plan_context(suite, cases, redactor=redactor), store, recorder=recorder)
    context = SharedContext.open(store, suite.name, snapshot.manifest.context_id)
    if context.trace is not None:
        labels = {"suite": suite.name, "shared_context_id": context.id, "dagster_run_id": run_id}
        spans = StoredSpans(context.trace)
        send_shared_trace(settings, suite.name, spans, labels=labels, timeout_s=_FLUSH_SECONDS)
    return context


def _chosen(request: PrefetchRequest, dataset: Sequence[Case]) -> list[Case]:
    if request.cases is None:
        return list(dataset)
    if unknown := set(request.cases) - {case.id for case in dataset}:
        raise InputError(Problem(message=f"there is no case {min(unknown)!r}", fix="correct `cases`", field="cases"))
    return [case for case in dataset if case.id in request.cases]
