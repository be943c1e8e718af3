"""The job `rescore_<suite>`: an experiment's answers, scored by the suite's present assertions in a new experiment.

Without a partition it scores the answers to all cases; with one, or a range of them, those to these cases. The runs of
one backfill score into one experiment.
"""

from collections.abc import Collection

import dagster as dg
from pydantic import Field

from eval_pipeline.defs.assets.upstream import launch_id
from eval_pipeline.defs.failures import errors_as_failures
from eval_pipeline.defs.metadata import EXPERIMENT
from eval_pipeline.defs.partitions import RANGE_END_TAG, RANGE_START_TAG, SUITE_TAG, cases_partitions
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.errors import MissingUpstreamError
from eval_pipeline.pipeline.rescore import Rescoring, open_rescoring
from eval_pipeline.results.experiment_record import (
    ExperimentRecord,
    experiment_name,
    experiments_newest_first,
    read_experiment,
)
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import Suite


class RescoreConfig(dg.Config):
    """What a run may choose."""

    experiment: str = ""
    """Whose answers are scored; by default the latest that has answers of its own."""
    only: list[str] = Field(default_factory=list)
    """The metrics to score again; by default all whose assertion has changed."""


def rescore_job_name(suite: str) -> str:
    """The name of the job that scores a suite's answers again."""
    return f"rescore_{suite}"


def build_rescore_job(suite: Suite) -> dg.Definitions:
    """The job that scores the answers of an experiment again."""
    tags = {SUITE_TAG: suite.name}

    @dg.op(name=f"{suite.name}__rescore", description="Scores stored answers; calls judges, and no target.")
    def rescore(
        context: dg.OpExecutionContext,
        config: RescoreConfig,
        eval_store: StoreResource,
        eval_langsmith: LangSmithResource,
    ) -> None:
        with errors_as_failures():
            store, launch = eval_store.open(), launch_id(context)
            rescoring = open_rescoring(
                store,
                suite,
                _source(store, suite, config.experiment, launch),
                eval_langsmith.settings(eval_store),
                launch_id=launch,
                only=config.only,
                launched_by={"dagster/run_id": context.run.run_id},
            )
            own = _partitions(context, suite)
            chosen = rescoring if own is None else rescoring.of_cases(own)
            plan = chosen.plan()
            context.log.info("%s answers of %s", plan.attempts, rescoring.source.experiment)
            conclusion = chosen.score(run_id=context.run.run_id)
            context.add_output_metadata(_metadata(chosen, kept=plan.kept, passed=conclusion.verdict.passed))

    @dg.job(
        name=rescore_job_name(suite.name),
        description=f"Score the answers of an experiment of {suite.name} by the present assertions.",
        partitions_def=cases_partitions(suite.name),
        executor_def=dg.in_process_executor,
        tags=tags,
    )
    def job() -> None:
        rescore()

    return dg.Definitions(jobs=[job])


def _source(store: Store, suite: Suite, named: str, launch: str) -> ExperimentRecord:
    """The experiment whose answers are scored.

    Raises:
        MissingUpstreamError: there is none.
    """
    if named:
        return read_experiment(store, suite.name, named)
    records = experiments_newest_first(store, suite.name)
    own = experiment_name(suite.name, launch)
    begun = next((record for record in records if record.experiment == own), None)
    if begun is not None and begun.scores_of is not None:  # an earlier run of this launch
        return read_experiment(store, suite.name, begun.scores_of)
    latest = next((record for record in records if record.scores_of is None and record.variant is None), None)
    if latest is None:
        message = f"there is no experiment of {suite.name} to score"
        raise MissingUpstreamError(message, fix="evaluate the suite first, or give `experiment`")
    return latest


def _partitions(context: dg.OpExecutionContext, suite: Suite) -> Collection[str] | None:
    """The cases that a run scores; None for all."""
    if context.has_partition_key:
        return [context.partition_key]
    start, end = (context.run.tags.get(tag) for tag in (RANGE_START_TAG, RANGE_END_TAG))
    if start is None or end is None:
        return None
    keys = list(context.instance.get_dynamic_partitions(cases_partitions(suite.name).name or ""))
    return keys[keys.index(start) : keys.index(end) + 1]


def _metadata(rescoring: Rescoring, *, kept: int, passed: bool) -> dict[str, dg.MetadataValue]:
    return {
        EXPERIMENT: dg.MetadataValue.text(rescoring.experiment.record.experiment),
        "eval/answers_of": dg.MetadataValue.text(rescoring.source.experiment),
        "eval/scores_kept": dg.MetadataValue.int(kept),
        "eval/passed": dg.MetadataValue.bool(passed),
    }
