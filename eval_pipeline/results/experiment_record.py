"""The record of an experiment: written once, it pins what every run that joins evaluates."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.errors import CorruptDataError, ExperimentConflictError, MissingUpstreamError
from eval_pipeline.prompts.suite_prompts import PinnedPrompt, Role
from eval_pipeline.store.layout import experiment_key, experiments_prefix
from eval_pipeline.store.store import Store


class ExperimentRecord(BaseModel):
    """What one experiment evaluates."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    experiment: str
    created_at: str
    dataset_version: str
    context_id: str | None
    target_version: str
    variant: str | None = None
    """The variant that a comparison of variants evaluates in it; None for the suite as it stands."""
    repetitions: int | None
    """As asked for; None for the suite's default."""
    launched_by: Mapping[str, str]
    """Dagster's ids of the run or backfill that began it."""
    prompts: Mapping[Role, PinnedPrompt] | None = None
    """Of the target and of the judge, where the suite names any."""
    corrections: str | None = None
    """The key of the pulled corrections that the judge is shown, where there are any."""
    trace_headers: Mapping[str, str] | None = None
    """By which every run joins the experiment's one trace, in trace mode `unified`."""


def experiment_name(suite: str, launch_id: str) -> str:
    """The name of the experiment that a launch (a backfill's id, or a root run's) and its retries belong to."""
    return f"{suite}-{launch_id.replace('-', '')[:12]}"


def pin_experiment(store: Store, wanted: ExperimentRecord) -> ExperimentRecord:
    """Begin the experiment, or join it.

    Returns:
        `wanted` if this call wrote the record, else the record that is there: data and context are those it pins,
        whatever became of them since.

    Raises:
        ExperimentConflictError: the record pins what this run cannot provide: another target or other repetitions.
    """
    key = experiment_key(wanted.suite, wanted.experiment)
    if store.put_if_absent(key, wanted.model_dump_json(indent=2).encode()):
        return wanted
    pinned = read_experiment(store, wanted.suite, wanted.experiment)
    for name in ("target_version", "variant", "repetitions"):
        there, here = getattr(pinned, name), getattr(wanted, name)
        if there != here:
            raise ExperimentConflictError(
                f"experiment {wanted.experiment} was begun with {name} {there!r}, and this run has {here!r}",
                fix="launch a new run, which begins an experiment of its own",
            )
    return pinned


def read_experiment(store: Store, suite: str, experiment: str) -> ExperimentRecord:
    """The record of an experiment.

    Raises:
        MissingUpstreamError: there is no such experiment.
        CorruptDataError: its record cannot be read.
    """
    found = find_experiment(store, suite, experiment)
    if found is None:
        key = experiment_key(suite, experiment)
        raise MissingUpstreamError(
            f"there is no experiment {experiment!r} at {store.uri(key)}", fix="materialize case_results first"
        )
    return found


def find_experiment(store: Store, suite: str, experiment: str) -> ExperimentRecord | None:
    """As `read_experiment`, or None if there is no such experiment."""
    key = experiment_key(suite, experiment)
    data = store.get(key)
    if data is None:
        return None
    try:
        return ExperimentRecord.model_validate_json(data)
    except ValidationError as error:
        raise CorruptDataError(
            f"{store.uri(key)} cannot be read as an experiment's record", fix="restore it from a backup"
        ) from error


def latest_experiment(store: Store, suite: str) -> ExperimentRecord | None:
    """The experiment of the suite as it stands that was begun last, or None if there is none. Variants are not it."""
    return next((found for found in experiments_newest_first(store, suite) if found.variant is None), None)


def experiments_newest_first(store: Store, suite: str) -> list[ExperimentRecord]:
    """The records of a suite's experiments, those of variants among them."""
    prefix = experiments_prefix(suite)
    names = {key.removeprefix(prefix).partition("/")[0] for key in store.list(prefix)}
    found = [record for name in names if (record := find_experiment(store, suite, name)) is not None]
    return sorted(found, key=lambda record: (record.created_at, record.experiment), reverse=True)
