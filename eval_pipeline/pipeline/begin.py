"""Beginning an experiment, or joining it: its record is written, with its prompts and the headers of its one trace."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from eval_pipeline.assertions.judges.pulled_corrections import corrections_now, with_pulled_corrections
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.evaluation.evaluator import CaseEvaluator, Pins
from eval_pipeline.evaluation.fingerprints import metric_versions
from eval_pipeline.pipeline.trace_run import unified_trace
from eval_pipeline.prompts.opening import prompts_of
from eval_pipeline.prompts.suite_prompts import SuitePrompts
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.results.experiment_record import ExperimentRecord, find_experiment, pin_experiment
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline.suite.suite import Suite
from eval_pipeline.targets.opening import open_target, target_version
from eval_pipeline.targets.session import SessionFactory
from eval_pipeline.tracing.shape.unified import UnifiedTrace

_log = logger_of(__name__)


@dataclass(frozen=True, kw_only=True)
class ExperimentInputs:
    """What an experiment is begun on."""

    dataset_version: str
    context_id: str | None
    cases: int
    """That its first run evaluates, which one trace has to hold in trace mode `unified`."""


@dataclass(frozen=True, kw_only=True)
class OpenExperiment:
    """An experiment that this process takes part in."""

    store: Store
    suite: Suite
    """As it is here."""
    settings: LangSmithSettings
    """Where traces go, what is redacted, and how long an attempt may take."""
    record: ExperimentRecord
    prompts: SuitePrompts
    """Those that the record pins."""
    unified: UnifiedTrace | None = None
    """Its one trace, if this run begins it."""

    @functools.cached_property
    def context(self) -> SharedContext | None:
        """The shared context that the record pins; None if it has none.

        Raises:
            MissingUpstreamError: it is gone from the store.
        """
        return _open_context(self.store, self.record)

    def evaluator(self) -> CaseEvaluator:
        """What evaluates its cases: the target is opened, with what the record pins.

        Raises:
            MissingUpstreamError: the context is gone from the store, or the corrections that the judge is shown.
            InputError: the target cannot be opened.
        """
        pins = Pins(
            experiment=self.record.experiment,
            dataset_version=self.record.dataset_version,
            context_id=self.record.context_id,
            target_version=self.record.target_version,
            variant=self.record.variant,
        )
        return open_evaluator(
            self.suite,
            self.store,
            pins=pins,
            prompts=self.prompts,
            corrections=self.record.corrections,
            context=self.context,
            settings=self.settings,
        )


def open_evaluator(
    suite: Suite,
    store: Store,
    *,
    pins: Pins,
    prompts: SuitePrompts,
    corrections: str | None,
    context: SharedContext | None,
    settings: LangSmithSettings,
    target: SessionFactory | None = None,
) -> CaseEvaluator:
    """An evaluator of a suite's cases.

    Args:
        suite: as it is written.
        store: has the corrections.
        pins: of every attempt.
        prompts: of the target and the judge.
        corrections: the key of the pulled corrections that the judge is shown; None for none.
        context: that cases read.
        settings: what is redacted, and how long an attempt may take.
        target: instead of the suite's.

    Raises:
        MissingUpstreamError: the corrections are gone from the store.
        InputError: the suite's target cannot be opened.
    """
    applied = prompts.applied(with_pulled_corrections(suite, store, corrections))
    evaluator = CaseEvaluator(
        suite=applied,
        target=open_target(applied, prompts) if target is None else target,
        context=context,
        pins=pins,
        prompts=prompts,
    )
    return evaluator.configured(settings)


def begin_or_join(
    store: Store,
    suite: Suite,
    name: str,
    inputs: Callable[[], ExperimentInputs],
    *,
    settings: LangSmithSettings,
    run_id: str,
    repetitions: int | None,
    launched_by: Mapping[str, str],
    variant: str | None = None,
) -> OpenExperiment:
    """The experiment of that name. An existing one evaluates what its record pins, whatever has changed since.

    Args:
        store: where its record is.
        suite: evaluated in it.
        name: of the experiment.
        inputs: gives what it is begun on; called only if there is none of that name.
        settings: lead to the Hub and to LangSmith.
        run_id: of the run that begins its trace.
        repetitions: as `ExperimentRecord.repetitions`.
        launched_by: as `ExperimentRecord.launched_by`.
        variant: as `ExperimentRecord.variant`.

    Raises:
        ExperimentConflictError: it was begun with something else.
        MissingUpstreamError: its context is gone.
        InputError: a prompt is missing, or lost a variable; or there are too many cases for one trace.
    """
    existing = find_experiment(store, suite.name, name)
    prompts = prompts_of(suite, settings, pinned=None if existing is None else existing.prompts)
    pins = existing or inputs()
    record = ExperimentRecord(
        suite=suite.name,
        experiment=name,
        created_at=timestamp(),
        dataset_version=pins.dataset_version,
        context_id=pins.context_id,
        target_version=target_version(suite, prompts),
        variant=variant,
        prompts=prompts.pinned,
        corrections=(corrections := corrections_now(suite, store) if existing is None else existing.corrections),
        metrics=metric_versions(prompts.applied(with_pulled_corrections(suite, store, corrections))),
        repetitions=repetitions,
        launched_by=launched_by,
    )
    unified = None
    if isinstance(pins, ExperimentInputs):
        # Opened before the record is written, so that no experiment is left behind that nothing can be evaluated in.
        context = _open_context(store, record)
        unified = unified_trace(settings, record, context, cases=pins.cases, run_id=run_id)
    if unified is not None:
        record = record.model_copy(update={"trace_headers": unified.headers})
    pinned = pin_experiment(store, record)
    _warn_of_changed_metrics(pinned, record)
    # Another run may have written the record first.
    begun_here = unified is not None and pinned.trace_headers == unified.headers
    return OpenExperiment(
        store=store,
        suite=suite,
        settings=settings,
        record=pinned,
        prompts=prompts,
        unified=unified if begun_here else None,
    )


def join_experiment(
    store: Store, suite: Suite, record: ExperimentRecord, settings: LangSmithSettings
) -> OpenExperiment:
    """An experiment that another process has begun.

    Raises:
        InputError: a prompt that it pins is missing.
    """
    prompts = prompts_of(suite, settings, pinned=record.prompts)
    return OpenExperiment(store=store, suite=suite, settings=settings, record=record, prompts=prompts)


def _warn_of_changed_metrics(pinned: ExperimentRecord, here: ExperimentRecord) -> None:
    """Say which metrics a run that joins an experiment measures in another way than the runs before it."""
    if pinned.metrics is None or here.metrics is None or pinned.metrics == here.metrics:
        return
    names = {*pinned.metrics, *here.metrics}
    changed = sorted(name for name in names if pinned.metrics.get(name) != here.metrics.get(name))
    message = "%s was begun with other assertions (%s): `eval-pipeline score %s` scores all of it by those of now"
    _log.warning(message, pinned.experiment, ", ".join(changed), pinned.experiment)


def _open_context(store: Store, record: ExperimentRecord) -> SharedContext | None:
    return None if record.context_id is None else SharedContext.open(store, record.suite, record.context_id)
