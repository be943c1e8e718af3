"""Whether a promotion made results worse: the runs after it, compared with the last run before it.

Only complete runs of the suite count, such as nightly ones: no run of a variant, and none of a few cases. The first
`nights` of them that used the promoted commit decide, each once, and the result of each is stored beside the move.
"""

import datetime as dt
from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eval_pipeline.analysis.comparison.comparison import Comparison, Side, compare_sides
from eval_pipeline.analysis.gates.regression import check_regressions
from eval_pipeline.analysis.statistics.power import LEVEL
from eval_pipeline.analysis.trend import TrendPoint, read_points
from eval_pipeline.errors import CorruptDataError
from eval_pipeline.promotion.moves import PromptMove
from eval_pipeline.results.experiment_record import ExperimentRecord, find_experiment
from eval_pipeline.store.layout import move_look_key
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline.suite.dataset.stored import stored_hashes
from eval_pipeline.suite.spec.gates import RegressionGate

_COMPLETE = 0.9
"""The share of the dataset's cases that a run must have attempted to count."""
_NEWEST = 50
"""Experiments that are searched, the newest; a promotion that none of them used is left alone."""


class PromotionCheck(BaseModel):
    """The result of one experiment's comparison with the reference."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    experiment: str
    reference: str
    """The experiment with the commit before, which it was compared with."""
    regressed: bool
    message: str = Field(alias="said")
    checked_at: str = Field(alias="looked_at")


def check_comparison(comparison: Comparison, *, nights: int) -> PromotionCheck | None:
    """The result of a comparison of an experiment with the reference; None if they have no case in common.

    The test is that of the gate `max_regression`: one-sided and paired, at level 0.05, of the pass rate on the cases
    that both have. With several nights the level is 0.05 / nights (Bonferroni), because each could be wrong.
    """
    difference = comparison.pass_rate
    if difference is None:
        return None
    ((finding,),) = check_regressions({"pass rate": (RegressionGate(), [None])}, [comparison]).values()
    return PromotionCheck(
        experiment=comparison.experiment,
        reference=comparison.baseline,
        regressed=difference.difference < 0 and difference.p_drop < LEVEL / nights,
        message=finding.message,
        checked_at=timestamp(),
    )


def check_promotion(store: Store, move: PromptMove, *, nights: int) -> list[PromotionCheck]:
    """The results of the first complete runs after a promotion, the oldest first; at most `nights`.

    Each run is checked once: the result is stored beside the move, and read from there afterwards.

    Raises:
        TransientError: the store cannot be reached.
        CorruptDataError: a document cannot be read.
    """
    stored = {check.experiment: check for check in read_checks(store, move)}
    if len(stored) >= nights:
        return list(stored.values())[:nights]
    checks: list[PromotionCheck] = []
    reference = None
    for after in _complete_runs_after(store, move):
        check = stored.get(after.record.experiment)
        if check is None:
            reference = reference or _reference(store, move)
            comparison = None if reference is None else compare_sides(now=after, then=reference)
            check = None if comparison is None else check_comparison(comparison, nights=nights)
            check = None if check is None else _write(store, move, check)
        checks += [] if check is None else [check]
        if len(checks) == nights:
            break
    return checks


def read_checks(store: Store, move: PromptMove) -> list[PromotionCheck]:
    """The stored results about a promotion, in the order in which they were written."""
    prefix = _key(move, "").removesuffix(".json")
    checks = [check for key in store.list(prefix) if (check := _read(store, key)) is not None]
    return sorted(checks, key=lambda check: (check.checked_at, check.experiment))


def _complete_runs_after(store: Store, move: PromptMove) -> Iterator[Side]:
    points = [point for point in read_points(store, move.suite, last=_NEWEST) if not _is_before(point, move)]
    yield from _complete_runs(store, move, points[::-1], commit=move.after)


def _reference(store: Store, move: PromptMove) -> Side | None:
    """The last complete run before the promotion with the commit before, else the one that it was decided from."""
    points = [point for point in read_points(store, move.suite, last=_NEWEST) if _is_before(point, move)]
    before = next(_complete_runs(store, move, points, commit=move.before), None)
    if before is not None or move.reference is None:
        return before
    exists = find_experiment(store, move.suite, move.reference) is not None
    return Side.read(store, move.suite, move.reference) if exists else None


def _complete_runs(
    store: Store, move: PromptMove, points: Iterable[TrendPoint], *, commit: str | None
) -> Iterator[Side]:
    for point in points:
        record = None if point.variant is not None else find_experiment(store, move.suite, point.experiment)
        if record is None or not _used(record, move, commit):
            continue
        side = Side.read(store, move.suite, point.experiment)
        cases = stored_hashes(store, move.suite, record.dataset_version)
        if cases is not None and len({row["case_id"] for row in side.rows}) >= _COMPLETE * len(cases):
            yield side


def _used(record: ExperimentRecord, move: PromptMove, commit: str | None) -> bool:
    pin = None if record.prompts is None else record.prompts.get("target")
    prompt = f"hub:{move.prompt}:"
    return pin is not None and pin.commit == commit and pin.used is not None and pin.used.startswith(prompt)


def _write(store: Store, move: PromptMove, check: PromotionCheck) -> PromotionCheck:
    """Write a result, unless another process did. Returns the one in the store."""
    key = _key(move, check.experiment)
    written = store.put_if_absent(key, check.model_dump_json(indent=2, by_alias=True).encode())
    return check if written else _read(store, key) or check


def _read(store: Store, key: str) -> PromotionCheck | None:
    data = store.get(key)
    try:
        return None if data is None else PromotionCheck.model_validate_json(data)
    except ValidationError as error:
        fix = "delete it, and the experiment is checked again"
        raise CorruptDataError(f"{store.uri(key)} cannot be read", fix=fix) from error


def _is_before(point: TrendPoint, move: PromptMove) -> bool:
    """Whether an experiment was begun before a move; by time where versions before wrote one of them."""
    if point.order and move.order:
        return point.order < move.order
    return dt.datetime.fromisoformat(point.created_at) < dt.datetime.fromisoformat(move.begun_at)


def _key(move: PromptMove, experiment: str) -> str:
    return move_look_key(move.prompt, move.tag, move.number, experiment)
