"""Open a shared context of a gigabyte: in two workers of a host at once, and in further workers later.

Two processes open it with an empty cache at the same time: how much they download together. Then it is warm: how long
it takes to open it and read a first row, and how much memory of the host a worker adds when it reads all of it while
another has it open. There is no peer to compare with.
"""

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from bench.measuring import Side, median
from bench.report import Comparison, Goal, options, show
from eval_pipeline.context.build import ensure_snapshot
from eval_pipeline.context.plan import plan_context
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.settings import CACHE_VARIABLE
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.suite import Suite, read_suite

WORKER = Side(name="ours", module="context_worker")
_COLUMNS = 128
_BYTES_A_ROW = 8 * _COLUMNS
_TABLE = "measurements"


def main() -> None:
    """Run the benchmark."""
    chosen = options(__doc__ or "")
    rows = (2**26 if chosen.quick else 2**30) // _BYTES_A_ROW
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ[CACHE_VARIABLE] = str(folder / "cache")
        cold, warm = measure(folder, rows=rows, rounds=1 if chosen.quick else max(chosen.rounds, 5))
    megabytes = warm[0]["table_mb"]
    goals = [
        Goal(figure="ms for a warm open and a first row", value=1000 * median(warm, "wall_s"), limit=50.0),
        Goal(figure="MB that a second worker adds", value=median(warm, "private_mb"), limit=20.0),
        Goal(
            figure="times the context was downloaded for two workers at once",
            value=sum(one["read_mb"] for one in cold) / max(one["read_mb"] for one in cold),
            limit=1.01,
        ),
    ]
    notes = [
        *map(str, goals),
        f"{megabytes:.0f} MB in memory, {max(one['read_mb'] for one in cold):.0f} MB in the store",
        f"cold, both waiting for one copy: {max(one['wall_s'] for one in cold):.1f} s",
    ]
    show(Comparison.of("context", rows, {"ours": warm}, ratio_of="wall_s", notes=notes), as_json=chosen.json)


def measure(folder: Path, *, rows: int, rounds: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The figures of two workers at once, and then of single ones beside this process."""
    suite, store = write_suite(folder, rows=rows), LocalStore(folder / "store")
    context_id = ensure_snapshot(plan_context(suite, ()), store).manifest.context_id
    given = {"store": str(folder / "store"), "suite": suite.name, "context_id": context_id, "table": _TABLE}
    with ThreadPoolExecutor(2) as pool:
        cold = [done.result() for done in [pool.submit(WORKER.run, **given) for _ in range(2)]]
    # This process is the first worker: it has the whole table in memory while the others open it.
    first = SharedContext.open(store, suite.name, context_id).table(_TABLE)
    assert all(pc.max(column) is not None for column in first.itercolumns())
    return cold, [WORKER.run(**given) for _ in range(rounds)]


def write_suite(folder: Path, *, rows: int) -> Suite:
    """A suite whose context is one table of numbers, `_BYTES_A_ROW` bytes a row."""
    numbers, batch = np.random.default_rng(7), 16_384
    schema = pa.schema([(f"x{index}", pa.float64()) for index in range(_COLUMNS)])
    with pq.ParquetWriter(folder / "measurements.parquet", schema, compression="none") as writer:
        for start in range(0, rows, batch):
            columns = numbers.random((_COLUMNS, min(batch, rows - start)))
            writer.write_table(pa.table(dict(zip(schema.names, columns, strict=True)), schema=schema))
    data = {
        "name": "bench",
        "cases": "cases.yaml",
        "context": {"tables": {_TABLE: {"file": "measurements.parquet"}}},
        "target": {"kind": "python", "path": "agent.py:answer"},
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    (folder / "cases.yaml").write_text("- {id: c1, input: hello}\n", encoding="utf-8")
    return read_suite(folder)


if __name__ == "__main__":
    main()
