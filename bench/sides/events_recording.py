"""One range run that evaluates nothing: the cost of its events of planned and of materialized partitions.

The arguments, as JSON: `partitions`; `storage`, a part of `dagster.yaml`; `at_once`, whether partitions are reported in
batches or by `context.log_event`. A first run of one partition excludes imports and the creation of tables.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bench.sides.stopwatch import Stopwatch


def main() -> None:
    """Run this side."""
    given = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "dagster.yaml").write_text(
            yaml.safe_dump({"telemetry": {"enabled": False}, **given["storage"]})
        )
        os.environ["DAGSTER_HOME"] = folder
        if given["at_once"]:
            os.environ["DAGSTER_EVENT_BATCH_SIZE"] = "1000"
        _run([f"one-{time.time_ns()}"], Stopwatch(), at_once=given["at_once"])
        watch = Stopwatch()
        keys = [f"case-{time.time_ns()}-{index:06d}" for index in range(given["partitions"])]
        figures = _run(keys, watch, at_once=given["at_once"])
    watch.report(**figures)


def _run(keys: list[str], watch: Stopwatch, *, at_once: bool) -> dict[str, Any]:
    import dagster as dg  # noqa: PLC0415 - reads the environment when it is imported

    from eval_pipeline.dagster_ext.partition_events import PartitionEvents  # noqa: PLC0415

    partitions = dg.DynamicPartitionsDefinition(name="bench/cases")
    begun: list[float] = []

    @dg.multi_asset(name="results", specs=[dg.AssetSpec("results", partitions_def=partitions, skippable=True)])
    def results(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        begun.append(time.perf_counter())
        materializations = [_materialization(dg, key) for key in context.partition_keys]
        if at_once:
            PartitionEvents(
                context, step_key="results", expected=len(materializations), reported=lambda _: set()
            ).report(materializations)
        else:
            for one in materializations:
                context.log_event(one)
        begun.append(time.perf_counter())
        yield from ()

    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("bench/cases", keys)
        tags = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
        with watch.running():
            started = time.perf_counter()
            dg.materialize([results], instance=instance, tags=tags)
        done = instance.get_materialized_partitions(dg.AssetKey("results"))
    body, reported = begun
    ms = 1000 / len(keys)
    return {
        "planned_ms": round((body - started) * ms, 3),
        "materialized_ms": round((reported - body) * ms, 3),
        "recorded": len(done & set(keys)),
    }


def _materialization(dg: Any, key: str) -> Any:
    """A materialization like that of a case."""
    numbers = dict.fromkeys(("eval/score", "eval/pass", "eval/latency_s", "eval/tokens", "eval/cost"), 0.5)
    urls = {name: dg.MetadataValue.url(f"http://127.0.0.1:1984/{name}/{key}") for name in ("trace", "experiment")}
    versions = {"dagster/data_version": key, "dagster/code_version": "1"}
    return dg.AssetMaterialization("results", partition=key, metadata={**numbers, **urls, "case": key}, tags=versions)


if __name__ == "__main__":
    main()
