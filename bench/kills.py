"""Processes killed (`kill -9`) at twelve moments of each kind of run: what is lost, doubled and paid twice.

    python -m bench.kills                 # all kinds, some minutes each
    python -m bench.kills promotion       # one kind

in-process, subprocess workers, variants: a run is killed twelve times, spread over its cases, and resumed each time.
promotion: the command is killed at twelve moments from its start to its end, and given again.
two hosts: while a run works, another with a Dagster home of its own is refused; then the first is stopped (`SIGSTOP`),
the other takes over and finishes, and the first wakes up. reboot: a daemon, its code server and its runs, in a PID
namespace of their own, end all at once in a backfill, and start again in another namespace, which is another machine
start to the launcher.

Lost are results, rows at the recorder or partitions that are missing in the end; doubled are those that are there
twice, in the result log, at the recorder or in Dagster. Paid twice are calls of the target beyond one an attempt.
"""

import itertools
import json
import os
import signal
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench.rebooting import reboots_in_a_backfill
from eval_pipeline.evaluation.batch import UNKEPT
from eval_pipeline.promotion.move_tag import UNFINISHED_SECONDS
from eval_pipeline.promotion.moves import RecordedMove, read_moves
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.result_log import read_all_rows
from eval_pipeline.store.layout import move_key
from eval_pipeline.store.opening import open_store
from eval_pipeline.variants.variant_comparison import write_comparison
from eval_pipeline_tests.killed_runs import KilledRuns
from eval_pipeline_tests.outcome import rows_of
from eval_pipeline_tests.promotion.deployment import deployed
from eval_pipeline_tests.promotion.moved import PLACE
from eval_pipeline_tests.variants.skilled_suite import write_skilled_suite
from eval_pipeline_tests.variants.standings import comparison, standing
from eval_pipeline_tests.warm_processes import TERMINAL, WarmProcess, start_warm

MOMENTS = 12
_PATIENCE_S = 300.0


@dataclass(frozen=True, kw_only=True)
class KillFigures:
    """A row of the table."""

    kind: str
    kills: int
    attempts: int
    lost: int
    doubled: int
    paid_twice: int
    most_by_one_kill: int
    bound: int
    """Of the calls that one kill may cost."""

    @property
    def holds(self) -> bool:
        """Whether nothing was lost or doubled, and each kill cost no more than it may."""
        return self.lost == 0 and self.doubled == 0 and self.most_by_one_kill <= self.bound


def main() -> None:
    """Kill, and print the table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=list(KINDS), choices=[*KINDS, []], help="by default all")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    chosen = parser.parse_args()
    rows = []
    for kind in chosen.kinds:
        with tempfile.TemporaryDirectory(prefix="kills-") as folder:
            rows.append(KINDS[kind](kind, Path(folder)))
        _note(f"{rows[-1]}")
    if chosen.json:
        print(json.dumps({"name": "kills", "rows": [asdict(row) for row in rows]}))
    else:
        print("| killed | kills | attempts | lost | doubled | paid twice: all, most by one kill | bound of one kill |")
        print("|---|---|---|---|---|---|---|")
        for row in rows:
            print(
                f"| {row.kind} | {row.kills} | {row.attempts} | {row.lost} | {row.doubled} "
                f"| {row.paid_twice}, {row.most_by_one_kill} | {row.bound} |"
            )
    if broken := [row.kind for row in rows if not row.holds]:
        sys.exit(f"does not hold: {', '.join(broken)}")


def _in_process(kind: str, folder: Path) -> KillFigures:
    return _killed_runs(kind, folder, bound=UNKEPT)


def _subprocess_workers(kind: str, folder: Path) -> KillFigures:
    compute = "{kind: subprocess, cases_per_task: 10, max_parallel: 2, poll_s: 0.2}"
    return _killed_runs(kind, folder, bound=2 * UNKEPT, compute=compute)


def _killed_runs(kind: str, folder: Path, *, bound: int, compute: str = "local") -> KillFigures:
    cases = 20 * MOMENTS
    with RecorderServer() as recorder:
        runs = KilledRuns(folder=folder, recorder_url=recorder.url, cases=cases, compute=compute)
        runs.write()
        twice = [0]
        for moment in range(MOMENTS):
            # At various places within the writing of results, too.
            calls = runs.count_calls() + 18
            runs.run(*(["--resume"] if moment else []), kill_at_calls=calls, delay_s=0.013 * moment)
            twice.append(_twice(runs.calls))
        _expect(runs.run("--resume"), folder)
        twice.append(_twice(runs.calls))
        return _figures(kind, runs, kills=len(runs.killed), twice=twice, bound=bound)


def _figures(
    kind: str, runs: KilledRuns, *, kills: int, twice: list[int], bound: int, home: str = "home"
) -> KillFigures:
    outcome, cases = runs.outcome(home), runs.cases
    distinct = (outcome.results, outcome.cases_with_rows, outcome.partitions)
    every = (outcome.rows_of_results, outcome.rows, outcome.materializations)
    return KillFigures(
        kind=kind,
        kills=kills,
        attempts=cases,
        lost=sum(cases - count for count in distinct) + outcome.wrong + (outcome.experiments - 1),
        doubled=sum(all_ - count for all_, count in zip(every, distinct, strict=True)),
        paid_twice=outcome.paid_twice,
        most_by_one_kill=max(after - before for before, after in itertools.pairwise(twice)),
        bound=bound,
    )


def _variants(kind: str, folder: Path) -> KillFigures:
    """`current` and two variants at once, which share what may be in flight."""
    cases, names = 8 * MOMENTS, ("current", "good", "bad")
    suite = write_skilled_suite(folder / "skills", cases=cases, seconds=0.05, good=9, bad=1)
    calls, killed, twice = suite / "calls.txt", 0, [0]
    with RecorderServer() as recorder:
        environment = {
            **os.environ,
            "DAGSTER_HOME": str(folder / "home"),
            "EVAL_PIPELINE_STORE": str(folder / "store"),
            "EVAL_PIPELINE_SPOOL": str(folder / "spool"),
            "EVAL_PIPELINE_TRACING": "recorder",
            "EVAL_PIPELINE_RECORDER_URL": recorder.url,
        }
        for moment in range(MOMENTS + 1):
            resume = ["--resume"] if moment else []
            process = start_warm(
                TERMINAL,
                *("variants", "run", suite, *resume),
                folder=folder,
                environment=environment,
                stderr=folder / "stderr.txt",
                own_session=True,
            )
            if moment == MOMENTS:
                _expect(process.wait(_PATIENCE_S), folder)
            else:
                _until_called(calls, _lines(calls) + 22, process)
                time.sleep(0.013 * moment)
                killed += process.poll() is None
                process.kill_group()
            twice.append(_twice(calls))
        store = open_store(str(folder / "store"))
        (plan,) = {key.split("/")[2].rpartition("-")[0] for key in store.list("experiments/skills/")}
        lost = doubled = 0
        for name in names:
            rows = read_all_rows(store, "skills", f"{plan}-{name}", columns=["status"]).column("case_id").to_pylist()
            for counted in (rows, rows_of(recorder.url, f"{plan}-{name}")):
                lost += cases - len(set(counted))
                doubled += len(counted) - len(set(counted))
    return KillFigures(
        kind=kind,
        kills=killed,
        attempts=cases * len(names),
        lost=lost,
        doubled=doubled,
        paid_twice=twice[-1],
        most_by_one_kill=max(after - before for before, after in itertools.pairwise(twice)),
        bound=UNKEPT,
    )


def _promotion(kind: str, folder: Path) -> KillFigures:
    """Attempts are promotions; each is to be in the history once, and the tag where it says."""
    lost = doubled = killed = 0
    with deployed(folder, promotion={"enabled": True, "dry_run": False}) as deployment:
        old = deployment.publish(4, tag="production")
        _expect(deployment.terminal("run", "shop").returncode, folder)
        started = time.monotonic()
        deployment.terminal("prompts", "promote", "shop")
        took = time.monotonic() - started
        for moment in range(MOMENTS):
            new = deployment.publish(5 + moment % 7)
            standings = (
                standing("current", "current", prompts={"support": old}),
                standing("good", "better", prompts={"support": new}),
            )
            name = f"shop-{moment:02d}"
            write_comparison(deployment.store, replace(comparison(), name=name, standings=standings, order=moment + 1))
            before = len(read_moves(deployment.store, PLACE))
            process = start_warm(
                TERMINAL,
                *("prompts", "promote", "shop", "--yes"),
                folder=folder,
                environment=deployment.environment,
                own_session=True,
            )
            time.sleep(took * (0.4 + 0.8 * moment / MOMENTS))
            killed += process.poll() is None
            process.kill_group()
            _age(folder, read_moves(deployment.store, PLACE)[before:])
            deployment.terminal("prompts", "promote", "shop", "--yes")
            moves = [each for each in read_moves(deployment.store, PLACE)[before:] if each.moved]
            lost += (deployment.production != new) + (not moves)
            doubled += max(0, len(moves) - 1)
            old = new
    return KillFigures(
        kind=kind,
        kills=killed,
        attempts=MOMENTS,
        lost=lost,
        doubled=doubled,
        paid_twice=0,
        most_by_one_kill=0,
        bound=0,
    )


def _age(folder: Path, begun: list[RecordedMove]) -> None:
    """Let the time pass after which a move that has no outcome is given up."""
    for recorded in begun:
        move, outcome = recorded.move, recorded.outcome
        if outcome is None:
            file = folder / "store" / move_key(move.prompt, move.tag, move.number)
            document = json.loads(file.read_text())
            then = time.time() - UNFINISHED_SECONDS - 1
            document["begun_at"] = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(then))
            file.write_text(json.dumps(document))


def _two_hosts(kind: str, folder: Path) -> KillFigures:
    cases, concurrency, kills, twice = 5 * MOMENTS, 2, 0, [0]
    lost = doubled = 0
    with RecorderServer() as recorder:
        for moment in range(MOMENTS):
            own = folder / f"{moment}"
            own.mkdir()
            runs = KilledRuns(folder=own, recorder_url=recorder.url, cases=cases, concurrency=concurrency, seconds=0.5)
            runs.write()
            first = runs.start()
            _until_called(runs.calls, 2 * moment + 1, first)
            if moment % 4 == 0 and runs.run("--resume", home="other") == 0:
                lost += 1  # it was not refused
            os.killpg(first.pid, signal.SIGSTOP)
            kills += 1
            _expect(runs.run("--resume", home="other"), own)
            os.killpg(first.pid, signal.SIGCONT)
            if first.wait(_PATIENCE_S) == 0:
                lost += 1  # it was not stopped
            # Partitions are those in the home of the other host, which had none before it took over.
            figures = _figures(kind, runs, kills=1, twice=[0, _twice(runs.calls)], bound=UNKEPT, home="other")
            lost, doubled = lost + figures.lost, doubled + figures.doubled
            twice.append(twice[-1] + figures.paid_twice)
            _note(f"{kind}, moment {moment + 1}: {figures}")
    return KillFigures(
        kind=kind,
        kills=kills,
        attempts=cases * MOMENTS,
        lost=lost,
        doubled=doubled,
        paid_twice=twice[-1],
        most_by_one_kill=max(after - before for before, after in itertools.pairwise(twice)),
        bound=UNKEPT,
    )


def _reboot(kind: str, folder: Path) -> KillFigures:
    outcome = reboots_in_a_backfill(folder, note=_note)
    return KillFigures(kind=kind, kills=1, bound=2 * UNKEPT, **outcome)


KINDS: dict[str, Callable[[str, Path], KillFigures]] = {
    "in-process": _in_process,
    "subprocess-workers": _subprocess_workers,
    "variants": _variants,
    "promotion": _promotion,
    "two-hosts": _two_hosts,
    "reboot": _reboot,
}


def _twice(calls: Path) -> int:
    asked = Counter(calls.read_text().splitlines()) if calls.exists() else Counter()
    return asked.total() - len(asked)


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def _until_called(calls: Path, aim: int, process: WarmProcess) -> None:
    """Wait until the target was called so often, or the process has ended."""
    until = time.monotonic() + _PATIENCE_S
    while _lines(calls) < aim and process.poll() is None:
        if time.monotonic() > until:
            sys.exit("it does not come so far")
        time.sleep(0.005)


def _expect(code: int, folder: Path) -> None:
    if code != 0:
        errors = folder / "stderr.txt"
        sys.exit(f"exit code {code}: {errors.read_text()[-3_000:] if errors.exists() else ''}")


def _note(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
