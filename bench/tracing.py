"""The cost of a traced case, for its process and for the server, compared with `aevaluate` with upload.

Both sides evaluate the same graph, with six live runs a case (root and graph) and one assertion, and send them to a
recorder in a third process, which counts ingest events and bytes. Our side also sends the spans of the evaluator and
three grafted runs.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measuring import REPOSITORY, Measured, Side, SideError, median, median_ratio
from bench.report import Comparison, Goal, options, show

CONCURRENCY = 50
DELAY_S = 0.05
LIVE_RUNS = 6
"""Live runs of a case on both sides: its root, and five of the graph."""
GRAFTS = 3
"""Grafted runs of a case, on our side only."""
OURS = Side(name="ours", module="tracing_ours")
THEIRS = Side(name="aevaluate", module="tracing_aevaluate")


def main() -> None:
    """Run the benchmark."""
    chosen = options(__doc__ or "")
    cases, rounds = (50, 1) if chosen.quick else (500, chosen.rounds)
    with recorder() as url:
        measured = measure(url, cases=cases, rounds=rounds)
    ours, theirs, all_of_it = measured["ours"], measured["aevaluate"], measured.items()
    events = median(ours, "events") / cases, median(theirs, "events") / cases
    goals = [
        Goal(figure="times the client CPU of aevaluate", value=median_ratio(ours, theirs, "cpu_s"), limit=1.0),
        Goal(figure="times its ingest events, without grafts", value=(events[0] - GRAFTS) / events[1], limit=0.5),
    ]
    notes = [
        *map(str, goals),
        f"ingest events a case: {events[0]:g}, {GRAFTS} of them grafts; aevaluate {events[1]:g}",
        f"{median_ratio(ours, theirs, 'wire_bytes'):.2f} times its bytes on the wire",
        *(f"{name}: {1000 * median(each, 'cpu_s') / cases:.2f} ms of client CPU a case" for name, each in all_of_it),
    ]
    shown = {"ours": ours, "aevaluate": theirs}
    show(Comparison.of("tracing", cases, shown, ratio_of="cpu_s", notes=notes), as_json=chosen.json)


def measure(url: str, *, cases: int, rounds: int) -> dict[str, list[Measured]]:
    """Both sides in turns, with the counts of the recorder, and our side untraced."""
    given = {"cases": cases, "delay_s": DELAY_S, "concurrency": CONCURRENCY}
    by_side: dict[str, list[Measured]] = {"ours": [], "aevaluate": [], "untraced": []}
    for index in range(rounds):
        sides = [OURS, THEIRS]
        for side in sides if index % 2 == 0 else reversed(sides):
            counts_of(url)
            measured = side.run(**given, url=url)
            if measured["passed"] != cases:
                raise SideError(f"{side.name} passed {measured['passed']} of {cases} cases")
            counted = counts_of(url)
            if side is OURS and (measured["runs_sent"] != counted["events"] or not counted["events"]):
                raise SideError(f"{measured['runs_sent']} runs were sent, {counted['events']} arrived")
            by_side[side.name].append({**measured, **counted})
        by_side["untraced"].append(OURS.run(**given, url=None))
    return by_side


@contextlib.contextmanager
def recorder() -> Iterator[str]:
    """The URL of a counting recorder in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.sides.counting_recorder", str(Path(folder) / "recorder.sqlite")]
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                port = process.stdout.readline().strip()
                if not port:
                    raise SideError("the recorder did not start")
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def counts_of(url: str) -> dict[str, Any]:
    """The counts since the last call: `events`, `wire_bytes`, `frames`."""
    with urllib.request.urlopen(f"{url}/bench/counts", timeout=10) as answer:  # noqa: S310 - our own URL
        counts: dict[str, Any] = json.load(answer)
        return counts


if __name__ == "__main__":
    main()
