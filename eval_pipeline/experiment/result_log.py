"""The result log of an experiment: append-only Parquet segments, each durable before anybody says so.

Belongs here: writing segments and reading them all. Does not belong here: when to write (`assets/recording.py`), and
adding results up (`summary.py`).
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from eval_pipeline.evaluation.result import RESULT_SCHEMA, CaseResult
from eval_pipeline.store.layout import results_prefix
from eval_pipeline.store.store import Store


class ResultLog:
    """Where one run appends its results to an experiment."""

    def __init__(self, store: Store, *, suite: str, experiment: str, run_id: str) -> None:
        self._store, self._run_id = store, run_id
        self._prefix = results_prefix(suite, experiment)
        self._next = 0

    def append(self, results: Sequence[CaseResult]) -> str:
        """Write `results` as one segment, durable when this returns. Returns its key."""
        table = pa.Table.from_pylist([result.to_row() for result in results], schema=RESULT_SCHEMA)
        key = f"{self._prefix}{self._run_id}-{self._next:06d}.parquet"
        self._store.put_table(key, table)
        self._next += 1
        return key


def read_results(store: Store, suite: str, experiment: str, *, columns: list[str] | None = None) -> pa.Table:
    """Every result of an experiment, one row per case and attempt, sorted by them; the latest where there are several.

    Args:
        store: where the experiment is.
        suite: its suite.
        experiment: its name.
        columns: those to read, of `RESULT_SCHEMA`; all by default. Transcripts are most of the bytes.

    Raises:
        CorruptDataError: a segment is not readable.
    """
    identity = ["case_id", "attempt", "started_at"]
    wanted = None if columns is None else list(dict.fromkeys([*identity, *columns]))
    segments = [store.get_table(key, wanted) for key in store.list(results_prefix(suite, experiment))]
    present = [segment for segment in segments if segment is not None]
    if not present:
        schema = RESULT_SCHEMA if wanted is None else pa.schema([RESULT_SCHEMA.field(name) for name in wanted])
        return schema.empty_table()
    table = pa.concat_tables(present, promote_options="default").sort_by([(name, "ascending") for name in identity])
    return table.filter(_last_of_each(table))


def _last_of_each(table: pa.Table) -> pa.Array:
    """True where the next row is of another case or attempt."""
    if table.num_rows == 0:
        return pa.array([], pa.bool_())
    case_ids, attempts = (table.column(name).combine_chunks() for name in ("case_id", "attempt"))
    differs = pc.or_(
        pc.not_equal(case_ids.slice(0, len(case_ids) - 1), case_ids.slice(1)),
        pc.not_equal(attempts.slice(0, len(attempts) - 1), attempts.slice(1)),
    )
    return pa.concat_arrays([differs, pa.array([True])])
