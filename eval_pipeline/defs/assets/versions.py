"""The versions by which Dagster knows whether a partition is stale: its own, its code's, and those of what it read."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval_pipeline.defs.assets.upstream import SHARED_CONTEXT, TEST_CASES, asset_key
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.suite import Suite

# Dagster writes these tags itself where a step yields an output, and has no public names for them.
DATA_VERSION, CODE_VERSION = "dagster/data_version", "dagster/code_version"
INPUT_VERSION, INPUT_EVENT = "dagster/input_data_version/", "dagster/input_event_pointer/"
_NO_EVENT = "NULL"
"""Of an input without partitions the version decides; but Dagster ignores an input that names no event."""
_BROKE = "error"


@dataclass(frozen=True, kw_only=True)
class LastResult:
    """What the newest result of a case says."""

    fingerprint: str | None
    """What it depended on; None if it does not say."""
    broke: bool
    """Whether an attempt ended in an error, so that nothing was learnt of the target."""


def versions_of(suite: Suite, results: Sequence[CaseResult], *, code_version: str) -> dict[str, str]:
    """The tags of a partition's event. `code_version` is the asset's, which no prompt of the Hub is a part of.

    Data have a new version when an attempt was made, and keep theirs when it was reused. The versions of what was read
    are those the experiment pins: a partition is stale as soon as cases or context change, and fresh again when an
    experiment has evaluated it or, with `reuse: unchanged`, reused its results.
    """
    first = results[0]
    read = {TEST_CASES: first.dataset_version, SHARED_CONTEXT: first.context_id}
    inputs = {asset_key(suite, name).to_user_string(): version for name, version in read.items() if version is not None}
    return {
        DATA_VERSION: _data_version(results),
        CODE_VERSION: code_version,
        **{INPUT_VERSION + key: version for key, version in inputs.items()},
        **{INPUT_EVENT + key: _NO_EVENT for key in inputs},
    }


def _data_version(results: Sequence[CaseResult]) -> str:
    """`<fingerprint>.<hash of the attempts>`, with `.error` if an attempt broke."""
    attempts = digest([[each.fingerprint, each.started_at.isoformat(), each.status] for each in results])
    broke = [_BROKE] if any(each.status == "error" for each in results) else []
    return ".".join([results[0].fingerprint, attempts, *broke])


def result_of_version(version: str) -> LastResult | None:
    """The result that a partition's data version describes; None if other code wrote it."""
    match version.split("."):
        case [fingerprint, _]:
            return LastResult(fingerprint=fingerprint, broke=False)
        case [fingerprint, _, word] if word == _BROKE:
            return LastResult(fingerprint=fingerprint, broke=True)
        case _:
            return None
