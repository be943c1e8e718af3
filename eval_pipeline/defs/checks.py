"""The asset checks of a suite: its gates, whether all traces arrived, and whether partitions are up to date.

To add a check, write a `build_…` function and call it in `build.py`. How gates decide is in `analysis.gates`. See
https://docs.dagster.io/guides/test/asset-checks.
"""

from collections.abc import Iterator

import dagster as dg

from eval_pipeline.analysis.gates.gate_result import GateResult
from eval_pipeline.analysis.verdict import verdict_of
from eval_pipeline.defs.assets.partition_health import (
    PARTITIONS_UP_TO_DATE,
    read_partition_health,
    up_to_date_check,
)
from eval_pipeline.defs.assets.tracing import trace_status_metadata
from eval_pipeline.defs.assets.upstream import CASE_RESULTS, EXPERIMENT_ASSET, EXPERIMENT_SUMMARY, asset_key, latest
from eval_pipeline.defs.failures import errors_as_failures
from eval_pipeline.defs.metadata import EXPERIMENT, gate_metadata
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.pipeline.trace_rows import trace_status
from eval_pipeline.results.experiment_record import read_experiment
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.suite.suite import Suite
from eval_pipeline.tracing.experiment.trace_status import read_traced

TRACES_COMPLETE = "traces_complete"


def gates_op_name(suite: str) -> str:
    """The name of the step that evaluates the gates."""
    return f"{suite}__gates"


def build_gates(suite: Suite) -> list[dg.AssetChecksDefinition]:
    """A step with one check for each gate of the suite; an empty list if it has none."""
    named = suite.spec.gates_to_meet.named()
    if not named:
        return []
    key = asset_key(suite, EXPERIMENT_SUMMARY)

    @dg.multi_asset_check(
        name=gates_op_name(suite.name),
        specs=[
            dg.AssetCheckSpec(
                name,
                asset=key,
                blocking=gate.action == "block",
                description=f"`gates.{kind}` in suite.yaml{'' if gate.slice is None else f', of {gate.slice}'}.",
            )
            for name, (kind, gate) in named.items()
        ],
        can_subset=True,
    )
    def gates(context: dg.AssetCheckExecutionContext, eval_store: StoreResource) -> Iterator[dg.AssetCheckResult]:
        with errors_as_failures():
            opened = eval_store.open()
            experiment = latest(context, suite, EXPERIMENT_SUMMARY, EXPERIMENT)
            # The thresholds may have changed since the summary was materialized.
            verdict = verdict_of(opened, suite.spec, read_experiment(opened, suite.name, experiment))
        for gate in verdict.gates:
            if dg.AssetCheckKey(key, gate.name) in context.selected_asset_check_keys:
                yield _check_result(key, gate)

    return [gates]


def build_traces_complete(suite: Suite) -> dg.AssetChecksDefinition:
    """The check whether the experiment has a row for every attempt; no result if nothing was traced."""
    key = asset_key(suite, EXPERIMENT_ASSET)

    @dg.multi_asset_check(
        name=f"{suite.name}__traces",
        specs=[
            dg.AssetCheckSpec(
                TRACES_COMPLETE,
                asset=key,
                description="The experiment in LangSmith has exactly one row for each attempt.",
            )
        ],
        can_subset=True,
    )
    def traces(
        context: dg.AssetCheckExecutionContext, eval_store: StoreResource, eval_langsmith: LangSmithResource
    ) -> Iterator[dg.AssetCheckResult]:
        with errors_as_failures():
            opened = eval_store.open()
            experiment = latest(context, suite, EXPERIMENT_ASSET, EXPERIMENT)
            traced = read_traced(opened, suite.name, experiment)
            if not traced:
                return
            attempts = ResultLogView.open(opened, suite.name, experiment).traced_rows
            status = trace_status(eval_langsmith.settings(eval_store), traced, attempts=attempts)
        present = "an unknown number" if status.rows_present is None else str(status.rows_present)
        dropped, spooled = status.delivery.runs_dropped, status.delivery.runs_spooled
        lost = f"; {dropped} were lost: `--resume` sends the missing rows" if dropped else ""
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=TRACES_COMPLETE,
            passed=status.complete,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{present} of {status.rows_expected} rows are present; {spooled} runs wait on disk{lost}",
            metadata=trace_status_metadata(status),
        )

    return traces


def build_up_to_date(suite: Suite) -> dg.AssetChecksDefinition:
    """The check whether every partition has a result that is not stale; it can be run at any time."""

    @dg.multi_asset_check(
        name=f"{suite.name}__{PARTITIONS_UP_TO_DATE}",
        specs=[
            dg.AssetCheckSpec(
                PARTITIONS_UP_TO_DATE,
                asset=asset_key(suite, CASE_RESULTS),
                description="Every case has a current result. Lists those that failed to run, ended in an error, never "
                "ran or are outdated, and what to do. Whether cases passed is the check `case_passed`.",
            )
        ],
        can_subset=True,
    )
    def up_to_date(
        context: dg.AssetCheckExecutionContext, eval_store: StoreResource, eval_langsmith: LangSmithResource
    ) -> Iterator[dg.AssetCheckResult]:
        with errors_as_failures():
            health = read_partition_health(context, suite, eval_store.open(), eval_langsmith.settings(eval_store))
        yield up_to_date_check(health, suite, dg.AssetCheckResult)

    return up_to_date


def _check_result(key: dg.AssetKey, gate: GateResult) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=gate.name,
        passed=gate.passed,
        description=gate.message,
        severity=dg.AssetCheckSeverity.ERROR if gate.action == "block" else dg.AssetCheckSeverity.WARN,
        metadata=gate_metadata(gate),
    )
