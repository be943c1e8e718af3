"""One case of very many: what it takes to evaluate it, the first time, when all partitions are registered, and again.

A suite of 100,000 cases beside the same one of 100, which is what the command itself takes: `eval-pipeline run
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
    """Measure, and print."""
    chosen = options(__doc__ or "")
    many, few = (5_000, 100) if chosen.quick else (100_000, 100)
    rounds = 1 if chosen.quick else min(chosen.rounds, 2)
    found = [(measure(many), measure(few)) for _ in range(rounds)]
    for name in RUNS:
        measured = {"ours": [ours[name] for ours, _ in found], f"of {few} cases": [floor[name] for _, floor in found]}
        show(Comparison.of(f"partitions: {name}", many, measured, ratio_of="wall_s"), as_json=chosen.json)


def measure(cases: int) -> dict[str, Measured]:
    """What each of `RUNS` takes with so many cases.

    Raises:
        SideError: a run failed, or the partitions are not all there.
    """
    with tempfile.TemporaryDirectory(prefix="partitions-") as made:
        folder = Path(made)
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
        found = dict[str, Measured]()
        for name in RUNS[:2]:
            said, found[name] = _run(program, environment)
            if json.loads(said)["status_counts"] != {"passed": 1}:
                raise SideError(f"{name} did not pass: {said[-500:]}")
        said, found[RUNS[2]] = _run([sys.executable, "-c", _LISTED], environment)
        if int(said) != cases:
            raise SideError(f"{said.strip()} of {cases} partitions are registered")
    return found


def _run(command: list[str], environment: dict[str, str]) -> tuple[str, dict[str, Any]]:
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=said, stderr=complained)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - begun
        said.seek(0)
        complained.seek(0)
        if process.returncode != 0:
            raise SideError(f"{command[0]} failed ({process.returncode}): {complained.read().decode()[-2000:]}")
        figures = {"wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime, "peak_rss_mb": used.ru_maxrss / 1024}
        return said.read().decode(), figures


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
