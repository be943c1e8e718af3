"""The record of an experiment: written once, it pins what every run that joins the experiment evaluates."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.errors import (
    CorruptDataError,
    ExperimentConflictError,
    InputError,
    MissingUpstreamError,
    Problem,
)
from eval_pipeline.results.begun import next_place
from eval_pipeline.store.layout import experiment_key, experiments_prefix
from eval_pipeline.store.store import Store
from eval_pipeline.wording import nearest

PromptRole = Literal["target", "judge"]


class PinnedPrompt(BaseModel):
    """The version of a prompt that an experiment uses, and how it was found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference: str
    """As the suite names it."""
    used: str | None
    """The reference that was used: the same, or the fallback; None in records of versions that went on without."""
    commit: str | None
    source: Literal["hub", "cached", "file", "none"]
    steps: tuple[str, ...]
    """What was tried, in order."""

    @property
    def place(self) -> str:
        """Where it was found, for people."""
        if self.used is None:
            return "nowhere"
        if self.used != self.reference:
            return f"in the fallback {self.used}"
        if self.source == "file":
            return f"in {self.used}"
        outdated = self.source == "cached" and len(self.steps) > 1
        return "in the cache, without asking the Hub" if outdated else "in the Hub"


_COMMIT_DIGITS = 12


class ExperimentRecord(BaseModel):
    """What one experiment evaluates."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    experiment: str
    created_at: str
    order: int = 0
    """Its place among what was begun of its suite, which decides what is latest; 0 in records of versions before."""
    dataset_version: str
    context_id: str | None
    target_version: str
    variant: str | None = None
    """The variant that a comparison of variants evaluates in it; None for the suite as it stands."""
    repetitions: int | None
    """As asked for; None for the suite's default."""
    launched_by: Mapping[str, str]
    """Dagster's ids of the run or backfill that began it."""
    prompts: Mapping[PromptRole, PinnedPrompt] | None = None
    """Of the target and of the judge, where the suite names any."""
    corrections: str | None = None
    """The key of the pulled corrections that the judge is shown, where there are any."""
    metrics: Mapping[str, str] | None = None
    """By metric, the version of the suite's assertions that it is measured by. Rows have those of cases, too."""
    scores_of: str | None = None
    """The experiment whose answers are scored in it, if it calls no target."""
    trace_headers: Mapping[str, str] | None = None
    """By which every run joins the experiment's one trace, in trace mode `unified`."""

    @property
    def prompt_names(self) -> dict[str, str]:
        """By role: its prompt, with the first digits of its commit."""
        return {
            role: pinned.used if pinned.commit is None else f"{pinned.used}@{pinned.commit[:_COMMIT_DIGITS]}"
            for role, pinned in (self.prompts or {}).items()
            if pinned.used is not None
        }


def experiment_name(suite: str, launch_id: str) -> str:
    """The name of the experiment of a launch (a backfill's id, or a root run's) and its retries."""
    return f"{suite}-{launch_id.replace('-', '')[:12]}"


def suite_of(store: Store, experiment: str) -> str:
    """The suite of an experiment, which is the first part of its name: a suite's name has no `-`.

    Raises:
        InputError: there is no such experiment.
    """
    suite = experiment.partition("-")[0]
    if not suite or find_experiment(store, suite, experiment) is None:
        message = f"there is no experiment {experiment!r} in {store.root}"
        names = [each.experiment for each in experiments_newest_first(store, suite)] if suite else []
        fix = nearest(experiment, names, none="give the name that `eval-pipeline run` printed, and its --store")
        raise InputError(Problem(message=message, fix=fix))
    return suite


def pin_experiment(store: Store, record: ExperimentRecord) -> ExperimentRecord:
    """Begin the experiment, in its place after all that were begun before, or join it.

    Returns:
        The stored record: that of `record` if this call wrote it. Data and context are those that it pins, whatever has
        changed since.

    Raises:
        ExperimentConflictError: the stored record pins what this run cannot provide: another target or other
            repetitions.
    """
    key = experiment_key(record.suite, record.experiment)
    if store.get(key) is None:
        begun = record.model_copy(update={"order": next_place(store, record.suite, record.experiment)})
        if store.put_if_absent(key, begun.model_dump_json(indent=2).encode()):
            return begun
    pinned = read_experiment(store, record.suite, record.experiment)
    for name in ("target_version", "variant", "repetitions"):
        there, here = getattr(pinned, name), getattr(record, name)
        if there != here:
            raise ExperimentConflictError(
                f"experiment {record.experiment} was begun with {name} {there!r}, and this run has {here!r}",
                fix="launch a new run, which begins an experiment of its own",
            )
    return pinned


def read_experiment(store: Store, suite: str, experiment: str) -> ExperimentRecord:
    """The record of an experiment.

    Raises:
        MissingUpstreamError: there is no such experiment.
        CorruptDataError: its record cannot be read.
    """
    record = find_experiment(store, suite, experiment)
    if record is None:
        key = experiment_key(suite, experiment)
        raise MissingUpstreamError(
            f"there is no experiment {experiment!r} at {store.uri(key)}", fix="materialize case_results first"
        )
    return record


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
    """The experiment of the suite as it stands, no variant, that was begun last; None if there is none."""
    return next((record for record in experiments_newest_first(store, suite) if record.variant is None), None)


def suites_with_experiments(store: Store) -> list[str]:
    """The names of the suites that have experiments in a store, sorted."""
    prefix = experiments_prefix("").rstrip("/") + "/"
    return sorted({key.removeprefix(prefix).partition("/")[0] for key in store.list(prefix)})


def experiments_newest_first(store: Store, suite: str) -> list[ExperimentRecord]:
    """The records of a suite's experiments, those of variants among them."""
    prefix = experiments_prefix(suite)
    names = {key.removeprefix(prefix).partition("/")[0] for key in store.list(prefix)}
    records = [record for name in names if (record := find_experiment(store, suite, name)) is not None]
    return sorted(records, key=lambda record: (record.order, record.created_at, record.experiment), reverse=True)
