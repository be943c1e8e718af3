"""One range run that evaluates nothing: what it costs to record what it plans and what it has done.

The arguments, as JSON: `partitions`; `storage`, that part of a `dagster.yaml`; `at_once`, whether partitions are
reported many at a time or by `context.log_event`. A first run of one partition pays for imports and tables.
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
    """Measure."""
    given = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory() as found:
        (Path(found) / "dagster.yaml").write_text(yaml.safe_dump({"telemetry": {"enabled": False}, **given["storage"]}))
        os.environ["DAGSTER_HOME"] = found
        if given["at_once"]:
            os.environ["DAGSTER_EVENT_BATCH_SIZE"] = "1000"
        _run([f"one-{time.time_ns()}"], Stopwatch(), at_once=given["at_once"])
        watch = Stopwatch()
        keys = [f"case-{time.time_ns()}-{index:06d}" for index in range(given["partitions"])]
        figures = _run(keys, watch, at_once=given["at_once"])
    watch.tell(**figures)


def _run(keys: list[str], watch: Stopwatch, *, at_once: bool) -> dict[str, Any]:
    import dagster as dg  # noqa: PLC0415 - only now: some of the environment is read when it is imported

    from eval_pipeline.dagster_ext.partition_events import PartitionEvents  # noqa: PLC0415

    partitions = dg.DynamicPartitionsDefinition(name="bench/cases")
    begun: list[float] = []

    @dg.multi_asset(name="results", specs=[dg.AssetSpec("results", partitions_def=partitions, skippable=True)])
    def results(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        begun.append(time.perf_counter())
        found = [_materialization(dg, key) for key in context.partition_keys]
        if at_once:
            PartitionEvents(context, step_key="results", expected=len(found), reported=lambda _: set()).report(found)
        else:
            for one in found:
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
    """What a case of a suite says, more or less."""
    numbers = dict.fromkeys(("eval/score", "eval/pass", "eval/latency_s", "eval/tokens", "eval/cost"), 0.5)
    urls = {name: dg.MetadataValue.url(f"http://127.0.0.1:1984/{name}/{key}") for name in ("trace", "experiment")}
    versions = {"dagster/data_version": key, "dagster/code_version": "1"}
    return dg.AssetMaterialization("results", partition=key, metadata={**numbers, **urls, "case": key}, tags=versions)


if __name__ == "__main__":
    main()
