"""Whether things became worse with a promotion: the runs after it held against the last one before it.

The suite's whole runs count, the nightly ones among them: not those of variants, and not those of a few cases. The
first `nights` of them that used the promoted commit decide, each once, and what each says is kept beside the move.
"""

import datetime as dt
from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.analysis.comparison.comparison import Comparison, Side, compare_sides
from eval_pipeline.analysis.gates.regression import check_regression
from eval_pipeline.analysis.statistics.paired import LEVEL
from eval_pipeline.analysis.trend import TrendPoint, read_points
from eval_pipeline.errors import CorruptDataError
from eval_pipeline.promotion.moves import Move
from eval_pipeline.results.experiment_record import ExperimentRecord, find_experiment
from eval_pipeline.store.layout import move_look_key
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline.suite.dataset.stored import stored_hashes
from eval_pipeline.suite.spec.gates import RegressionGate

_WHOLE = 0.9
"""Of the dataset's cases, the share that a run must have attempted to say anything about a promotion."""
_TRIED = 50
"""Experiments that are looked at, the newest: a promotion that nothing tells of by then is left alone."""


class Look(BaseModel):
    """What one experiment says of a promotion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    experiment: str
    reference: str
    """The experiment with the commit before, that it was held against."""
    regressed: bool
    said: str
    looked_at: str


def judged(comparison: Comparison, *, nights: int) -> Look | None:
    """What an experiment says, held against the reference; None where they share no case.

    The test is that of the gate `max_regression`: one-sided and paired, at level 0.05, of the pass rate on the cases
    that both have. With several nights it is held against 0.05 / nights (Bonferroni), because each could go wrong.
    """
    found = comparison.pass_rate
    if found is None:
        return None
    (finding,) = check_regression(RegressionGate(), comparison, [None])
    return Look(
        experiment=comparison.experiment,
        reference=comparison.baseline,
        regressed=found.difference < 0 and found.p_drop < LEVEL / nights,
        said=finding.message,
        looked_at=timestamp(),
    )


def looks_at(store: Store, move: Move, *, nights: int) -> list[Look]:
    """What the first whole runs after a promotion say of it, the oldest first; at most `nights`.

    Each is judged once: what it says is kept beside the move, and read from there whenever somebody asks again.

    Raises:
        TransientError: the store is away.
        CorruptDataError: what is there cannot be read.
    """
    kept = {look.experiment: look for look in read_looks(store, move)}
    if len(kept) >= nights:
        return list(kept.values())[:nights]
    found: list[Look] = []
    reference = None
    for after in _whole_runs_after(store, move):
        look = kept.get(after.record.experiment)
        if look is None:
            reference = reference or _reference(store, move)
            look = None if reference is None else judged(compare_sides(now=after, then=reference), nights=nights)
            look = None if look is None else _kept(store, move, look)
        found += [] if look is None else [look]
        if len(found) == nights:
            break
    return found


def read_looks(store: Store, move: Move) -> list[Look]:
    """What experiments said of a promotion, in the order in which they were looked at."""
    prefix = _key(move, "").removesuffix(".json")
    found = [look for key in store.list(prefix) if (look := _read(store, key)) is not None]
    return sorted(found, key=lambda look: (look.looked_at, look.experiment))


def _whole_runs_after(store: Store, move: Move) -> Iterator[Side]:
    points = read_points(store, move.suite, last=_TRIED, since=move.begun_at)
    yield from _whole_runs(store, move, points[::-1], commit=move.after)


def _reference(store: Store, move: Move) -> Side | None:
    """The last whole run before the promotion that had the commit before, else the one it was decided from."""
    points = [
        point
        for point in read_points(store, move.suite, last=_TRIED)
        if _moment(point.created_at) < _moment(move.begun_at)
    ]
    before = next(_whole_runs(store, move, points, commit=move.before), None)
    if before is not None or move.reference is None:
        return before
    there = find_experiment(store, move.suite, move.reference) is not None
    return Side.read(store, move.suite, move.reference) if there else None


def _whole_runs(store: Store, move: Move, points: Iterable[TrendPoint], *, commit: str | None) -> Iterator[Side]:
    for point in points:
        record = None if point.variant is not None else find_experiment(store, move.suite, point.experiment)
        if record is None or not _used(record, move, commit):
            continue
        side = Side.read(store, move.suite, point.experiment)
        cases = stored_hashes(store, move.suite, record.dataset_version)
        if cases is not None and len({row["case_id"] for row in side.rows}) >= _WHOLE * len(cases):
            yield side


def _used(record: ExperimentRecord, move: Move, commit: str | None) -> bool:
    pin = None if record.prompts is None else record.prompts.get("target")
    prompt = f"hub:{move.prompt}:"
    return pin is not None and pin.commit == commit and pin.used is not None and pin.used.startswith(prompt)


def _kept(store: Store, move: Move, look: Look) -> Look:
    key = _key(move, look.experiment)
    return look if store.put_if_absent(key, look.model_dump_json(indent=2).encode()) else _read(store, key) or look


def _read(store: Store, key: str) -> Look | None:
    data = store.get(key)
    try:
        return None if data is None else Look.model_validate_json(data)
    except ValidationError as error:
        fix = "delete it, and the experiment is looked at again"
        raise CorruptDataError(f"{store.uri(key)} cannot be read", fix=fix) from error


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _key(move: Move, experiment: str) -> str:
    return move_look_key(move.prompt, move.tag, move.number, experiment)
