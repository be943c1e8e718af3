"""A suite whose runs are killed, by `kill -9`, at chosen moments and resumed until it is done; what is then there.

By hand, for any number of moments:

    python -m eval_pipeline_tests.killed_runs --kills 20

and the test of the peers, at most 50 calls paid twice:

    python -m eval_pipeline_tests.killed_runs --cases 1000 --concurrency 50 --kill-at 500
"""

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import dagster as dg

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.result_log import read_all_rows, read_results
from eval_pipeline.store.opening import open_store
from eval_pipeline_tests.outcome import materialized_partitions, rows_of
from eval_pipeline_tests.warm_processes import TERMINAL, WarmProcess, start_warm

_SUITE = """\
name: counted
cases: cases.yaml
target: {{kind: python, path: "agent.py:answer"}}
evaluation: {{max_concurrency: {concurrency}}}
compute: {compute}
gates: {{max_error_rate: 0.0}}
"""
_AGENT = """\
import asyncio, os

CALLS = os.open({calls!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


async def answer(message):
    os.write(CALLS, (message + "\\n").encode())
    await asyncio.sleep({seconds})
    return "odd" if int(message) % 2 else "even"
"""
_TIMEOUT_S = 300.0


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """What is there in the end; every number is to be that of the cases."""

    results: int
    rows_of_results: int
    """Rows of the result log, superseded ones too."""
    rows: int
    """Of the experiment, at the recorder."""
    cases_with_rows: int
    materializations: int
    partitions: int
    calls: int
    paid_twice: int
    """Calls of the target beyond one a case."""
    wrong: int
    """Verdicts that differ from the true ones."""
    experiments: int


@dataclass(frozen=True, kw_only=True)
class KilledRuns:
    """One suite in a folder, with a home, a store and a recorder of its own."""

    folder: Path
    recorder_url: str
    cases: int
    concurrency: int = 10
    seconds: float = 0.05
    compute: str = "local"
    """`compute:` of the suite, as YAML."""
    killed: list[int] = field(default_factory=list)

    @property
    def calls(self) -> Path:
        """A line for every call of the target."""
        return self.folder / "calls.txt"

    def write(self) -> None:
        """The suite: every third case is asked for the wrong answer, and fails."""
        suite = self.folder / "suite"
        suite.mkdir(parents=True)
        (suite / "suite.yaml").write_text(_SUITE.format(concurrency=self.concurrency, compute=self.compute))
        (suite / "agent.py").write_text(_AGENT.format(calls=str(self.calls), seconds=self.seconds))
        lines = []
        for number in range(self.cases):
            expected = ("even", "odd")[(number + (number % 3 == 0)) % 2]
            lines.append(
                f'- {{id: "c{number:05d}", input: "{number}", assertions: [{{type: equals, value: {expected}}}]}}\n'
            )
        (suite / "cases.yaml").write_text("".join(lines))

    def start(self, *options: str, home: str = "home") -> WarmProcess:
        """Start a run, in a process group of its own.

        Args:
            options: of `eval-pipeline run`.
            home: the name of its Dagster home: another host has another one.
        """
        return start_warm(
            TERMINAL,
            "run",
            self.folder / "suite",
            *options,
            folder=self.folder,
            environment=self._environment(home),
            stderr=self.folder / "stderr.txt",
            own_session=True,
        )

    def run(self, *options: str, kill_at_calls: int | None = None, delay_s: float = 0.0, home: str = "home") -> int:
        """One run, killed with its process group when the target has been called so often. Returns its exit code."""
        process = self.start(*options, home=home)
        deadline = time.monotonic() + _TIMEOUT_S
        while process.poll() is None and time.monotonic() < deadline:
            if kill_at_calls is not None and self.count_calls() >= kill_at_calls:
                time.sleep(delay_s)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                if process.wait() < 0:
                    self.killed.append(self.count_calls())
                break
            time.sleep(0.005)
        return process.wait(timeout=30)

    def count_calls(self) -> int:
        """How often the target was called, in all runs together."""
        return self.calls.read_bytes().count(b"\n") if self.calls.exists() else 0

    def outcome(self, home: str = "home") -> RunOutcome:
        """What is there now; partitions are those in this Dagster home."""
        store = open_store(str(self.folder / "store"))
        experiments = {key.split("/")[2] for key in store.list("experiments/counted/")}
        experiment = min(experiments)
        results = read_results(store, "counted", experiment, columns=["status"]).to_pylist()
        right = {f"c{number:05d}": "passed" if number % 3 else "failed" for number in range(self.cases)}
        names = rows_of(self.recorder_url, experiment)
        with self._instance(home) as instance:
            reported = materialized_partitions(instance, dg.AssetKey(["counted", "case_results"]))
        asked = Counter(self.calls.read_text().split())
        return RunOutcome(
            results=len(results),
            rows_of_results=read_all_rows(store, "counted", experiment, columns=["status"]).num_rows,
            rows=len(names),
            cases_with_rows=len(set(names)),
            materializations=len(reported),
            partitions=len(set(reported)),
            calls=asked.total(),
            paid_twice=asked.total() - len(asked),
            wrong=sum(right[row["case_id"]] != row["status"] for row in results),
            experiments=len(experiments),
        )

    def _instance(self, home: str) -> dg.DagsterInstance:
        os.environ["DAGSTER_HOME"] = str(self.folder / home)
        return dg.DagsterInstance.get()

    def _environment(self, home: str) -> dict[str, str]:
        own = {
            "DAGSTER_HOME": str(self.folder / home),
            "EVAL_PIPELINE_STORE": str(self.folder / "store"),
            "EVAL_PIPELINE_CACHE": str(self.folder / "cache"),
            "EVAL_PIPELINE_SPOOL": str(self.folder / "spool"),
            "EVAL_PIPELINE_TRACING": "recorder",
            "EVAL_PIPELINE_RECORDER_URL": self.recorder_url,
            "LANGSMITH_TRACING": "true",
        }
        return {**os.environ, **own}


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--concurrency", type=int, default=10)
    parser.add_argument("--kill-at", type=int, help="kill once, at this many calls, instead")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    # Moments are random on purpose, and the same for one seed.
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder, RecorderServer() as recorder:
        runs = KilledRuns(
            folder=Path(folder), recorder_url=recorder.url, cases=options.cases, concurrency=options.concurrency
        )
        runs.write()
        kills = options.kills if options.kill_at is None else 0
        if options.kill_at is not None:
            runs.run(kill_at_calls=options.kill_at)
        for index in range(kills):
            left = options.cases - len(set(runs.calls.read_text().split())) if runs.calls.exists() else options.cases
            moment = runs.count_calls() + chance.randrange(2 * max(1, left // (kills - index)))
            code = runs.run(*(["--resume"] if index else []), kill_at_calls=moment, delay_s=chance.random() * 0.3)
            print(f"kill {index + 1}: at {moment}, calls {runs.count_calls()}, exit {code}", file=sys.stderr)  # noqa: T201
        code = runs.run("--resume")
        print(json.dumps({"kills": len(runs.killed), "exit": code, **asdict(runs.outcome())}))  # noqa: T201


if __name__ == "__main__":
    _main()
