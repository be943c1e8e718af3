"""Choose the experiment that a new one is compared with."""

from collections import defaultdict
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.analysis.trend import read_points
from eval_pipeline.errors import CorruptDataError, InputError, MissingUpstreamError, Problem
from eval_pipeline.results.experiment_record import (
    ExperimentRecord,
    experiments_newest_first,
    find_experiment,
    read_experiment,
)
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.layout import baseline_key, summary_key
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline.suite.suite import LAST_PASSED
from eval_pipeline.wording import counted

_COVERED = 0.9
"""The share of the new experiment's cases that the last passed one must have attempted: a run of three cases that
passed is no baseline for a hundred."""
_MOST_CANDIDATES = 50


class Baseline(BaseModel):
    """The experiment that was set as a suite's baseline."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    experiment: str
    set_at: str


def set_baseline(store: Store, suite: str, experiment: str) -> Baseline:
    """Make `experiment` the one that new experiments of the suite are compared with.

    Raises:
        MissingUpstreamError: there is no such experiment.
        InputError: some of its attempts were skipped, or all ended in an error.
    """
    record = read_experiment(store, suite, experiment)
    _require_complete(store, record)
    baseline = Baseline(experiment=record.experiment, set_at=timestamp())
    store.put(baseline_key(suite), baseline.model_dump_json(indent=2).encode())
    return baseline


def read_baseline(store: Store, suite: str) -> Baseline | None:
    """The baseline that was set, if any.

    Raises:
        CorruptDataError: it cannot be read.
    """
    data = store.get(baseline_key(suite))
    try:
        return None if data is None else Baseline.model_validate_json(data)
    except ValidationError as error:
        raise CorruptDataError(
            f"{store.uri(baseline_key(suite))} cannot be read as a baseline",
            fix="set it again with `eval-pipeline baseline set`",
        ) from error


def baseline_of(store: Store, record: ExperimentRecord, name: str | None) -> str | None:
    """The experiment to compare `record`'s with, or None if there is none yet.

    Args:
        store: where experiments are.
        record: the new experiment.
        name: `baseline:` of suite.yaml: an experiment's name, or `last_passed`. By default the one that was set with
            `eval-pipeline baseline set`, or else the last that passed.

    Raises:
        MissingUpstreamError: there is no such experiment.
        InputError: some attempts of the one that is named were skipped, or all ended in an error.
    """
    name = _chosen(store, record, name)
    if name == LAST_PASSED:
        return last_passed(store, record)
    if name == record.experiment:
        return None
    named = find_experiment(store, record.suite, name)
    if named is None:
        message = f"there is no baseline: {store.root} has no experiment {name!r} of {record.suite}"
        fix = "correct `baseline` in suite.yaml, or set another with `eval-pipeline baseline set`"
        raise MissingUpstreamError(message, fix=fix)
    _require_complete(store, named)
    return name


def last_passed(store: Store, record: ExperimentRecord) -> str | None:
    """The latest complete experiment before `record`'s that passed its gates and attempted nearly all its cases."""
    return _comparable(store, record, oldest_first=False)


def rescored_baseline(store: Store, record: ExperimentRecord, baseline: str) -> str | None:
    """The experiment that scores a baseline's answers by the metrics of `record`'s experiment, if one is concluded."""
    return next(
        (
            each.experiment
            for each in experiments_newest_first(store, record.suite)
            if each.scores_of == baseline
            and each.metrics == record.metrics
            and store.get(summary_key(each.suite, each.experiment)) is not None
        ),
        None,
    )


def first_passed(store: Store, record: ExperimentRecord, name: str | None) -> str | None:
    """The first experiment that passed, where the baseline is the last that did; None where one was chosen.

    A baseline that moves with every experiment that passes lets small drops add up, each of them too small to be
    detected; one that stays does not.

    Args:
        store: where experiments are.
        record: the new experiment.
        name: `baseline:` of suite.yaml, as for `baseline_of`.
    """
    moving = _chosen(store, record, name) == LAST_PASSED
    return _comparable(store, record, oldest_first=True) if moving else None


def _chosen(store: Store, record: ExperimentRecord, name: str | None) -> str:
    if name is not None:
        return name
    chosen = read_baseline(store, record.suite)
    return LAST_PASSED if chosen is None else chosen.experiment


def _comparable(store: Store, record: ExperimentRecord, *, oldest_first: bool) -> str | None:
    """The first complete candidate that attempted nearly all cases of `record`'s."""
    case_ids = set(_statuses(store, record))
    candidates = read_points(
        store, record.suite, before=record, last=_MOST_CANDIDATES, passed=True, oldest_first=oldest_first
    )
    for point in candidates:
        before = find_experiment(store, record.suite, point.experiment)
        if before is None or "baseline_of" in before.launched_by:
            # The answers of an earlier baseline, which was scored again for a comparison.
            continue
        statuses = _statuses(store, before)
        if len(case_ids & statuses.keys()) >= _COVERED * len(case_ids) and _incomplete(statuses) is None:
            return before.experiment
    return None


def _require_complete(store: Store, record: ExperimentRecord) -> None:
    why = _incomplete(_statuses(store, record))
    if why is not None:
        message = f"{record.experiment} cannot be a baseline: {why}"
        fix = f"complete it with `--resume {record.experiment} --retry-errors`, or name another experiment"
        raise InputError(Problem(message=message, fix=fix, field="baseline"))


def _incomplete(statuses: Mapping[str, set[str]]) -> str | None:
    """Why an experiment with these statuses is no baseline; None if it may be one."""
    skipped = sum("skipped" in each for each in statuses.values())
    if skipped:
        return f"attempts at {skipped} of its {counted(len(statuses), 'case')} were skipped"
    if statuses and all(each == {"error"} for each in statuses.values()):
        return "every attempt ended in an error"
    return None


def _statuses(store: Store, record: ExperimentRecord) -> dict[str, set[str]]:
    """By case, the statuses of its attempts."""
    statuses: dict[str, set[str]] = defaultdict(set)
    for row in read_results(store, record.suite, record.experiment, columns=["status"]).to_pylist():
        statuses[row["case_id"]].add(row["status"])
    return statuses
