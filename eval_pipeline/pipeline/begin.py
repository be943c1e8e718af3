"""Beginning an experiment, or joining it: its record is written, with its prompts and the headers of its one trace."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from eval_pipeline.assertions.judges.pulled_corrections import corrections_now
from eval_pipeline.pipeline.evaluator import context_of
from eval_pipeline.pipeline.trace_run import unified_trace
from eval_pipeline.prompts.opening import prompts_of
from eval_pipeline.prompts.suite_prompts import SuitePrompts
from eval_pipeline.results.experiment_record import ExperimentRecord, find_experiment, pin_experiment
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline.suite.suite import Suite
from eval_pipeline.targets.opening import target_version
from eval_pipeline.tracing.shape.unified import UnifiedTrace


@dataclass(frozen=True, kw_only=True)
class Material:
    """What an experiment is begun on."""

    dataset_version: str
    context_id: str | None
    cases: int
    """That its first run evaluates, which one trace has to hold in trace mode `unified`."""


@dataclass(frozen=True, kw_only=True)
class OpenExperiment:
    """An experiment that a run takes part in."""

    record: ExperimentRecord
    prompts: SuitePrompts
    """Those that the record pins."""
    begun: UnifiedTrace | None
    """Its one trace, if this run is the one that begins it."""


def begin_or_join(
    store: Store,
    suite: Suite,
    name: str,
    material: Callable[[], Material],
    *,
    settings: LangSmithSettings,
    run_id: str,
    repetitions: int | None,
    launched_by: Mapping[str, str],
    variant: str | None = None,
) -> OpenExperiment:
    """The experiment of that name. One that is there decides: what became of data and context since is nothing to it.

    Args:
        store: where its record is.
        suite: evaluated in it.
        name: of the experiment.
        material: gives what it is begun on; asked only where there is none of that name.
        settings: lead to the Hub and to LangSmith.
        run_id: who begins its trace.
        repetitions: as `ExperimentRecord.repetitions`.
        launched_by: as `ExperimentRecord.launched_by`.
        variant: as `ExperimentRecord.variant`.

    Raises:
        ExperimentConflictError: it was begun with something else.
        MissingUpstreamError: its context is gone.
        InputError: a prompt is missing, or lost a variable; or there are too many cases for one trace.
    """
    there = find_experiment(store, suite.name, name)
    prompts = prompts_of(suite, settings, pinned=None if there is None else there.prompts)
    pins = there or material()
    wanted = ExperimentRecord(
        suite=suite.name,
        experiment=name,
        created_at=timestamp(),
        dataset_version=pins.dataset_version,
        context_id=pins.context_id,
        target_version=target_version(suite, prompts),
        variant=variant,
        prompts=prompts.pinned,
        corrections=corrections_now(suite, store),
        repetitions=repetitions,
        launched_by=launched_by,
    )
    begun = None
    if isinstance(pins, Material):
        # A context that cannot be opened is found before there is an experiment without results.
        context = context_of(suite, store, wanted)
        begun = unified_trace(settings, wanted, context, cases=pins.cases, run_id=run_id)
    if begun is not None:
        wanted = wanted.model_copy(update={"trace_headers": begun.headers})
    pinned = pin_experiment(store, wanted)
    # Another run may have been faster.
    mine = begun is not None and pinned.trace_headers == begun.headers
    return OpenExperiment(record=pinned, prompts=prompts, begun=begun if mine else None)
