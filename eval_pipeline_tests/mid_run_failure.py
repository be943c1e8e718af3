"""A suite to which something happens half-way: its disk fills up, its server goes away."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg

from eval_pipeline.results.result_log import read_all_rows
from eval_pipeline.store.opening import open_store
from eval_pipeline_tests.cli.terminal import Finished

CASES = 12
_CASE_IDS = [f"c{number:02d}" for number in range(CASES)]
_AGENT = """\
import pathlib, time

HERE = pathlib.Path(__file__).parent


def answer(message):
    with (HERE / "calls").open("a") as calls:
        calls.write(message + "\\n")
    if message == "6" and not (HERE / "happened").exists():
        # By then the six before it are durable.
        time.sleep(0.5)
        (HERE / "reached").touch()
        while not (HERE / "happened").exists():
            time.sleep(0.02)
    return message
"""
_SUITE = """\
name: shop
cases: cases.yaml
target: {{kind: python, path: "agent.py:answer"}}
evaluation: {{max_concurrency: 1{evaluation}}}
"""


def write_suite(folder: Path, *, evaluation: str = "") -> Path:
    """Write twelve cases, evaluated one after the other, the seventh of which waits for something to happen.

    Args:
        folder: created if it does not exist.
        evaluation: further fields of `evaluation`, as YAML, with a comma before each.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cases = [
        f'- {{id: "{case_id}", input: "{number}", assertions: [{{type: equals, value: "{number}"}}]}}\n'
        for number, case_id in enumerate(_CASE_IDS)
    ]
    files = {
        "suite.yaml": _SUITE.format(evaluation=evaluation),
        "agent.py": _AGENT,
        "cases.yaml": "".join(cases),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


@contextlib.contextmanager
def mid_run_failure(suite: Path, happens: Callable[[], None]) -> Iterator[None]:
    """Within it, something happens while the seventh case is evaluated, six being durable."""

    def wait() -> None:
        while not (suite / "reached").exists():
            time.sleep(0.02)
        try:
            happens()
        finally:
            (suite / "happened").touch()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    yield
    thread.join(timeout=60)


def nothing_happens(suite: Path) -> None:
    """Let the seventh case wait for nothing."""
    (suite / "happened").touch()


def calls(suite: Path) -> Counter[str]:
    """How often each case was asked of the agent."""
    return Counter((suite / "calls").read_text().split())


def error_of(broken: Finished) -> str:
    """The one line that says why, of a command that failed for its surroundings."""
    assert broken.code == 3, broken.stderr
    assert "Traceback" not in broken.stderr
    (line,) = (line for line in broken.stderr.splitlines() if line.startswith("error: "))
    assert "Fix: " in line
    return line


def is_whole(done: Finished, suite: Path, store: Path | str) -> None:
    """Everything is there, nothing twice, and the six that were durable were not paid for again."""
    assert done.code == 0, done.stderr
    assert done.document["status_counts"] == {"passed": CASES}
    assert _results(store) == _CASE_IDS
    assert _materialized() == _CASE_IDS
    assert [calls(suite)[str(number)] for number in range(6)] == [1] * 6


def _results(store: Path | str) -> list[str]:
    """Every row of the only experiment, superseded ones too."""
    opened = open_store(str(store))
    (experiment,) = {key.split("/")[2] for key in opened.list("experiments/shop/")}
    return sorted(read_all_rows(opened, "shop", experiment, columns=["case_id"])["case_id"].to_pylist())


def _materialized() -> list[str]:
    with dg.DagsterInstance.get() as instance:
        records = instance.fetch_materializations(dg.AssetKey(["shop", "case_results"]), limit=1000)
    return sorted(str(record.partition_key) for record in records.records)
