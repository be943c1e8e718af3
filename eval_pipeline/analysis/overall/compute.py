"""Computing the metrics over all cases that a suite names, from an experiment's rows."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval_pipeline.analysis.case_values import Row, attempts_made
from eval_pipeline.analysis.overall.evaluators import evaluated
from eval_pipeline.analysis.overall.measures import Part, measured
from eval_pipeline.analysis.overall.overall_metric import OverallMetric
from eval_pipeline.analysis.slices import Members
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.large_values import LargeValues
from eval_pipeline.results.result_log import read_results
from eval_pipeline.results.result_row import turn_of_row
from eval_pipeline.store.store import Store
from eval_pipeline.suite.dataset.stored import stored_examples
from eval_pipeline.suite.spec.summary import SummaryMetric

_COLUMNS = ["status", "assertions", "turns", "run_id"]


def overall_metrics(
    store: Store,
    record: ExperimentRecord,
    metrics: Sequence[SummaryMetric],
    *,
    members: Members,
    folder: Path | None,
    earlier: Sequence[OverallMetric] = (),
) -> list[OverallMetric]:
    """The metrics of `summary:` of an experiment.

    Args:
        store: where the experiment is.
        record: the experiment.
        metrics: as the suite names them.
        members: the cases of each slice, for which built-in measures are computed as well.
        folder: the suite's, from which evaluators are imported; without it they are not called.
        earlier: what evaluators returned before, which then stands.
    """
    if not metrics:
        return []
    rows, part = _attempts(store, record)
    computed: list[OverallMetric] = []
    for metric in metrics:
        if metric.evaluator is None:
            computed.append(_with_slices(metric, rows, part, members))
        elif folder is not None:
            computed += evaluated(metric, rows, [part(row) for row in rows], folder=folder)
    names = {each.name for each in computed}
    kept = [each for each in earlier if folder is None and each.name not in names]
    return [*computed, *kept]


def attempts_with_parts(store: Store, record: ExperimentRecord) -> Iterator[tuple[Row, dict[str, Any]]]:
    """The attempts of an experiment, each with its `inputs`, `outputs` and `reference`."""
    rows, part = _attempts(store, record)
    return ((row, part(row)) for row in rows)


def _attempts(store: Store, record: ExperimentRecord) -> tuple[list[Row], Callable[[Row], dict[str, Any]]]:
    rows = attempts_made(read_results(store, record.suite, record.experiment, columns=_COLUMNS).to_pylist())
    examples = {
        case_id: (inputs, reference)
        for case_id, inputs, reference in stored_examples(store, record.suite, record.dataset_version)
    }
    values = LargeValues(store, record.suite, record.experiment)
    return rows, functools.partial(_part, examples=examples, values=values)


def _with_slices(metric: SummaryMetric, rows: Sequence[Row], part: Part, members: Members) -> OverallMetric:
    whole = measured(metric, rows, part)
    parts = {}
    for name, cases in members.items():
        own = [row for row in rows if row["case_id"] in cases]
        if own and whole.score is not None:
            parts[name] = measured(metric, own, part)
    return replace(whole, by_slice=parts)


def _part(row: Row, *, examples: Mapping[str, tuple[Any, Any]], values: LargeValues) -> dict[str, Any]:
    """What expressions can name of a row."""
    inputs, reference = examples.get(row["case_id"], ({}, None))
    last = turn_of_row(row["turns"][-1], values) if row["turns"] else None
    return {
        "inputs": inputs,
        "reference": reference,
        "outputs": None if last is None else last.outputs,
        "text": "" if last is None else last.response,
        "state": None if last is None else last.state,
        "metadata": {},
        "messages": [],
    }
