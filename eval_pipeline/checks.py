"""The gates of a suite as asset checks on `experiment_summary`.

Add a check here when something should be seen as passed or failed in the UI. Keep out the comparison itself
(`eval_pipeline.experiment.gates`). See https://docs.dagster.io/guides/test/asset-checks.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from eval_pipeline.assets.failures import errors_as_failures
from eval_pipeline.assets.upstream import EXPERIMENT_SUMMARY, asset_key, latest
from eval_pipeline.experiment.gates import GATES, GateResult, check_gates
from eval_pipeline.experiment.result_log import read_results
from eval_pipeline.experiment.summary import summarize
from eval_pipeline.metadata import EXPERIMENT, gate_metadata
from eval_pipeline.resources import StoreResource
from eval_pipeline.suite.suite import Suite


def build_gates(suite: Suite) -> list[dg.AssetChecksDefinition]:
    """One step with a check per gate that the suite sets; none if it sets none."""
    names = [name for name in GATES if getattr(suite.spec.gates, name) is not None]
    if not names:
        return []
    key = asset_key(suite.name, EXPERIMENT_SUMMARY)

    @dg.multi_asset_check(
        name=f"{suite.name}__gates",
        specs=[
            dg.AssetCheckSpec(name, asset=key, description="A threshold of `gates:` in suite.yaml.") for name in names
        ],
        can_subset=True,
    )
    def gates(context: dg.AssetCheckExecutionContext, store: StoreResource) -> Iterator[dg.AssetCheckResult]:
        with errors_as_failures():
            opened = store.open()
            experiment = latest(context, suite.name, EXPERIMENT_SUMMARY, EXPERIMENT)
            found = check_gates(suite.spec.gates, summarize(opened, suite.name, experiment))
            statuses = read_results(opened, suite.name, experiment, columns=["status"])
        failing = sorted({row["case_id"] for row in statuses.to_pylist() if row["status"] in ("failed", "error")})
        for gate in found:
            if dg.AssetCheckKey(key, gate.name) in context.selected_asset_check_keys:
                yield _check_result(key, gate, failing)

    return [gates]


def _check_result(key: dg.AssetKey, gate: GateResult, failing: Sequence[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=gate.name,
        passed=gate.passed,
        description=gate.message,
        metadata=gate_metadata(gate, [] if gate.passed else failing),
    )
