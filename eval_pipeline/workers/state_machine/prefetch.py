"""The first state of a state machine: dataset, shared context and experiment are prepared, and tasks for workers.

It does what three assets do in a run of Dagster. Called again with the same launch it joins the experiment, and makes
tasks of what is left.
"""

from collections.abc import Mapping

import orjson
from pydantic import BaseModel, ConfigDict, Field

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.pipeline.begin import ExperimentInputs, OpenExperiment, begin_or_join
from eval_pipeline.pipeline.prepare import prepare
from eval_pipeline.pipeline.run import ChosenCases, begin_run
from eval_pipeline.results.experiment_record import experiment_name
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.content_hash import digest
from eval_pipeline.store.layout import items_key
from eval_pipeline.store.store import Store
from eval_pipeline.suite.spec.compute import FanOutCompute
from eval_pipeline.suite.suite import Suite
from eval_pipeline.workers.dispatch.fan_out import tasks_of

_CASES_PER_TASK = 25


class PrefetchRequest(BaseModel):
    """What a state machine is started with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    launch: str = Field(min_length=1)
    """Names the experiment: the same for every try, such as the id of the execution."""
    store: str | None = None
    cases: tuple[str, ...] | None = None
    """Those to evaluate; all by default."""
    repetitions: int | None = Field(default=None, ge=1)
    cases_per_task: int | None = Field(default=None, ge=1)
    """By default what the suite says under `compute:`."""


class Prefetched(BaseModel):
    """The input of the other states: references only."""

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
    """Prepare everything that workers need, and write their tasks to the store.

    Raises:
        InputError: the suite or the request cannot be used.
        ExperimentConflictError: the launch has an experiment that pins what is not so here.
        InfrastructureError: a source, a model or the store failed.
    """
    run_id = f"launch-{digest(request.launch)[:12]}"
    experiment = _begin_or_join(request, suite, store, settings, run_id)
    record, evaluator = experiment.record, experiment.evaluator()
    compute = suite.spec.compute
    default = compute.cases_per_task if isinstance(compute, FanOutCompute) else _CASES_PER_TASK
    with begin_run(experiment, evaluator, _chosen(request, experiment), run_id=run_id) as run:
        # Headers travel with the state, like all else that is not of one task.
        portions = tasks_of(run, run.left, cases_per_task=request.cases_per_task or default, fields={"headers": {}})
    key = items_key(suite.name, record.experiment, run_id)
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


def _begin_or_join(
    request: PrefetchRequest, suite: Suite, store: Store, settings: LangSmithSettings, run_id: str
) -> OpenExperiment:
    """The experiment of the launch, with its dataset and context in the store."""

    def inputs() -> ExperimentInputs:
        dataset, context = prepare(suite, store, settings, run_id=run_id)
        count = len(dataset.cases if request.cases is None else request.cases)
        return ExperimentInputs(dataset_version=dataset.version, context_id=context.id, cases=count)

    return begin_or_join(
        store,
        suite,
        experiment_name(suite.name, digest(request.launch)),
        inputs,
        settings=settings,
        run_id=run_id,
        repetitions=request.repetitions or suite.spec.repetitions,
        launched_by={"launch": request.launch},
    )


def _chosen(request: PrefetchRequest, experiment: OpenExperiment) -> ChosenCases:
    if request.cases is None:
        return ChosenCases.of(experiment)
    cases = ChosenCases.of(experiment, set(request.cases))
    if unknown := set(request.cases) - {case.id for case in cases.chosen}:
        raise InputError(Problem(message=f"there is no case {min(unknown)!r}", fix="correct `cases`", field="cases"))
    return cases
