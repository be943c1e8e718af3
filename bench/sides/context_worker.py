"""A worker process that opens a shared context and reads all of it.

The arguments, as JSON: `store`, `suite`, `context_id`, `table`. It reports seconds, downloaded megabytes, and the
growth of its memory: `private_mb` is its own, the rest are pages that workers on a host share.
"""

import json
import sys
import time
from pathlib import Path

import pyarrow.compute as pc
from typing_extensions import override

from bench.sides.stopwatch import Stopwatch
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.store.local import LocalStore

_ROLLUP = Path("/proc/self/smaps_rollup")


class CountingStore(LocalStore):
    """A store that counts the bytes read from it."""

    read_bytes = 0

    @override
    def get(self, key: str) -> bytes | None:
        data = super().get(key)
        self.read_bytes += len(data or b"")
        return data


def memory_mb() -> dict[str, float]:
    """The memory of this process in MiB: its private pages, and its proportional share of all."""
    pages = dict.fromkeys(("Private_Clean", "Private_Dirty", "Pss"), 0.0)
    if _ROLLUP.exists():
        for line in _ROLLUP.read_text(encoding="ascii").splitlines()[1:]:
            name, value = line.split(":")
            if name in pages:
                pages[name] = int(value.split()[0]) / 1024
    return {"private_mb": pages["Private_Clean"] + pages["Private_Dirty"], "pss_mb": pages["Pss"]}


def main() -> None:
    """Run this side."""
    given = json.loads(sys.argv[1])
    store, watch = CountingStore(Path(given["store"])), Stopwatch()
    before = memory_mb()
    with watch.running():
        context = SharedContext.open(store, given["suite"], given["context_id"])
        table = context.table(given["table"])
        table.slice(table.num_rows // 2, 1).to_pylist()
    started = time.perf_counter()
    for column in table.itercolumns():
        pc.max(column)
    whole_s = time.perf_counter() - started
    grown = {name: value - before[name] for name, value in memory_mb().items()}
    watch.report(read_mb=store.read_bytes / 2**20, whole_s=whole_s, table_mb=table.nbytes / 2**20, **grown)


if __name__ == "__main__":
    main()
