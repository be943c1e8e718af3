"""Reporting the partitions of `case_results` to Dagster: one materialization a case, each once for an experiment."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from eval_pipeline.dagster_ext.partition_checks import PartitionEvaluation
from eval_pipeline.dagster_ext.partition_events import PartitionEvents
from eval_pipeline.defs.assets.tracing import case_trace_metadata
from eval_pipeline.defs.assets.upstream import case_passed_key
from eval_pipeline.defs.assets.versions import versions_of
from eval_pipeline.defs.metadata import EXPERIMENT, case_metadata, why_not
from eval_pipeline.pipeline.run import ExperimentRun, key_of
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.targets.opening import target_version

_ASKED_AT_ONCE = 500
"""Partitions in one query: SQLite takes 32,766 values in a statement at most."""


class PartitionReports:
    """The materializations of one run.

    Args:
        context: of the step.
        key: of `case_results`.
        step_key: of the step that makes it.
        run: evaluates the partitions.
    """

    def __init__(self, context: dg.AssetExecutionContext, key: dg.AssetKey, step_key: str, run: ExperimentRun) -> None:
        self._key, self._run = key, run
        instance, record = context.instance, run.experiment.record
        whole = run.log.complete(
            {case_id: [each.number for each in attempts] for case_id, attempts in run.planned.items()}
        )
        # The clock may have been set back since the experiment was begun, or an earlier run of it started.
        times = (dt.datetime.fromisoformat(record.created_at), run.log.first_started, dt.datetime.now(tz=dt.UTC))
        since = min(time for time in times if time is not None)
        self.missing = run.planned.keys() - reported_cases(instance, key, record, whole, since=since)
        """The cases that Dagster has no materialization of in this experiment."""
        self._events = PartitionEvents(
            context,
            step_key=step_key,
            expected=len(self.missing),
            reported=lambda cases: reported_cases(instance, key, record, cases, since=since, run_id=run.run_id),
        )
        # The asset's code version, of which no prompt of the Hub is a part.
        self._code_version = target_version(run.evaluator.suite)

    def earlier_results(self) -> Iterator[CaseResult]:
        """The finished results of cases that are still to be reported, since their process ended before."""
        attempts = {key_of(each) for case_id in self.missing for each in self._run.planned[case_id]}
        return self._run.log.latest_results(attempts & self._run.log.finished.keys())

    def report(self, cases: Sequence[Sequence[CaseResult]]) -> None:
        """Report whole cases, but for those that were skipped: a run that resumes makes them."""
        whole = [results for results in cases if all(result.status != "skipped" for result in results)]
        suite, tracing = self._run.evaluator.suite, self._run.tracing
        traces = [{} if tracing is None else case_trace_metadata(tracing.session, results) for results in whole]
        severity = dg.AssetCheckSeverity[suite.spec.assets.case_severity.upper()]
        self._events.report(
            [self._materialization(*pair) for pair in zip(whole, traces, strict=True)],
            check=case_passed_key(suite),
            evaluations=[
                case_evaluation(results, severity=severity, traced=traced)
                for results, traced in zip(whole, traces, strict=True)
            ],
        )

    def _materialization(self, results: Sequence[CaseResult], traced: Mapping[str, Any]) -> dg.AssetMaterialization:
        return dg.AssetMaterialization(
            self._key,
            partition=results[0].case_id,
            metadata={**traced, **case_metadata(results)},
            tags=versions_of(self._run.evaluator.suite, results, code_version=self._code_version),
        )


def case_evaluation(
    results: Sequence[CaseResult], *, severity: dg.AssetCheckSeverity, traced: Mapping[str, Any]
) -> PartitionEvaluation:
    """Whether a case passed: every attempt at it did. One that nothing decided did not, and is a warning only."""
    passed = sum(result.status == "passed" for result in results)
    undecided = passed < len(results) and all(result.status in ("passed", "unscored") for result in results)
    statuses = ", ".join(dict.fromkeys(result.status for result in results))
    reason = "nothing decided it" if undecided else why_not(results)
    counted = f" ({passed} of {len(results)} attempts passed)" if len(results) > 1 else ""
    return PartitionEvaluation(
        partition=results[0].case_id,
        passed=passed == len(results),
        severity=dg.AssetCheckSeverity.WARN if undecided else severity,
        description=statuses + counted + (f": {reason}" if reason and passed < len(results) else ""),
        metadata={
            EXPERIMENT: dg.MetadataValue.text(results[0].experiment),
            **{name: value for name, value in traced.items() if isinstance(value, dg.MetadataValue)},
        },
    )


def reported_cases(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    record: ExperimentRecord,
    case_ids: Iterable[str],
    *,
    since: dt.datetime,
    run_id: str | None = None,
) -> set[str]:
    """Those of `case_ids` that have been materialized as of this experiment.

    Args:
        instance: has the events.
        key: of `case_results`.
        record: of the experiment.
        case_ids: the cases.
        since: nothing was materialized before.
        run_id: only by this run.
    """
    asked = sorted(case_ids)
    return {
        str(event.partition_key)
        for start in range(0, len(asked), _ASKED_AT_ONCE)
        for event in _materializations(instance, key, asked[start : start + _ASKED_AT_ONCE], since.timestamp())
        if run_id in (None, event.run_id) and _experiment(event) == record.experiment
    }


def _experiment(event: dg.EventLogRecord) -> object:
    named = None if event.asset_materialization is None else event.asset_materialization.metadata.get(EXPERIMENT)
    return None if named is None else named.value


def _materializations(
    instance: dg.DagsterInstance, key: dg.AssetKey, case_ids: list[str], since: float
) -> Iterator[dg.EventLogRecord]:
    cursor: str | None = None
    while True:
        page = instance.fetch_materializations(
            # The record is to the second, and may be written by a host with another clock.
            dg.AssetRecordsFilter(asset_key=key, asset_partitions=case_ids, after_timestamp=since - 60),
            limit=2 * _ASKED_AT_ONCE,
            cursor=cursor,
        )
        yield from page.records
        if not page.has_more:
            return
        cursor = page.cursor
