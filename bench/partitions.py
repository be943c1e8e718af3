"""Evaluate one case of very many: the first time, when all partitions are registered, and again.

A suite of 100,000 cases compared with one of 100, which shows the cost of the command itself: `eval-pipeline run
--case`, untraced, on SQLite, each in a process of its own; and listing the partitions.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.measuring import REPOSITORY, Measured, SideError
from bench.report import Comparison, options, show

_SUITE = """\
name: many
cases: cases.jsonl
target: {kind: python, path: "agent.py:answer"}
assertions: [{type: contains, value: question}]
"""
_AGENT = """\
def answer(message):
    return message
"""
_LISTED = """\
import dagster as dg

with dg.DagsterInstance.get() as instance:
    print(len(instance.get_dynamic_partitions("many/cases")))
"""
RUNS = ("first run", "second run", "listing")


def main() -> None:
    """Run the benchmark."""
    chosen = options(__doc__ or "")
    many, few = (5_000, 100) if chosen.quick else (100_000, 100)
    rounds = 1 if chosen.quick else min(chosen.rounds, 2)
    by_round = [(measure(many), measure(few)) for _ in range(rounds)]
    for name in RUNS:
        ours, floor = ([each[name] for each in side] for side in zip(*by_round, strict=True))
        measured = {"ours": ours, f"of {few} cases": floor}
        show(Comparison.of(f"partitions: {name}", many, measured, ratio_of="wall_s"), as_json=chosen.json)


def measure(cases: int) -> dict[str, Measured]:
    """The figures of each of `RUNS` with so many cases.

    Raises:
        SideError: a run failed, or partitions are missing.
    """
    with tempfile.TemporaryDirectory(prefix="partitions-") as temporary:
        folder = Path(temporary)
        suite = _write(folder / "suite", cases)
        (folder / "home").mkdir()
        environment = {
            **os.environ,
            "DAGSTER_HOME": str(folder / "home"),
            "EVAL_PIPELINE_STORE": str(folder / "store"),
            "EVAL_PIPELINE_CACHE": str(folder / "cache"),
            "EVAL_PIPELINE_TRACING": "off",
        }
        program = [str(Path(sys.executable).parent / "eval-pipeline"), "run", str(suite), "--json", "--case", "c000007"]
        measured = dict[str, Measured]()
        for name in RUNS[:2]:
            output, measured[name] = _run(program, environment)
            if json.loads(output)["status_counts"] != {"passed": 1}:
                raise SideError(f"{name} did not pass: {output[-500:]}")
        output, measured[RUNS[2]] = _run([sys.executable, "-c", _LISTED], environment)
        if int(output) != cases:
            raise SideError(f"{output.strip()} of {cases} partitions are registered")
    return measured


def _run(command: list[str], environment: dict[str, str]) -> tuple[str, dict[str, Any]]:
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=stdout, stderr=stderr)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - begun
        stdout.seek(0)
        stderr.seek(0)
        if process.returncode != 0:
            raise SideError(f"{command[0]} failed ({process.returncode}): {stderr.read().decode()[-2000:]}")
        figures = {"wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime, "peak_rss_mb": used.ru_maxrss / 1024}
        return stdout.read().decode(), figures


def _write(folder: Path, cases: int) -> Path:
    folder.mkdir()
    (folder / "suite.yaml").write_text(_SUITE)
    (folder / "agent.py").write_text(_AGENT)
    with (folder / "cases.jsonl").open("w") as file:
        for number in range(cases):
            file.write(json.dumps({"id": f"c{number:06d}", "input": f"question number {number}"}) + "\n")
    return folder


if __name__ == "__main__":
    main()
