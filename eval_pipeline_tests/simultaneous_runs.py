"""Several runs started at once, in homes of their own or in one: every link opens, every row is there, once.

By hand, for the figures:

    python -m eval_pipeline_tests.simultaneous_runs --runs 8 --cases 40
"""

import argparse
import contextlib
import json
import os
import re
import signal
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from langsmith import Client

from eval_pipeline.recorder.home import DATABASE, USUAL_PORT
from eval_pipeline_tests.waiting import wait_for
from eval_pipeline_tests.warm_processes import TERMINAL, WarmProcess, start_warm

_SUITE = """\
name: counted
cases: cases.yaml
target: {kind: python, path: "agent.py:answer"}
evaluation: {max_concurrency: 4}
"""
_AGENT = """\
import asyncio


async def answer(message):
    await asyncio.sleep(0.1)
    return message
"""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What is at the end of one run's link."""

    link: str
    page: int
    """The status of the page that the link leads to."""
    rows: int
    cases: int
    feedback: int


def environment(folder: Path, home: Path, **others: str) -> dict[str, str]:
    """The environment of commands in a folder, with nothing of this process's about tracing."""
    ours = ("LANGSMITH_", "LANGCHAIN_", "EVAL_PIPELINE_", "DAGSTER_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    cache = folder / "cache"
    claim_usual_ports(cache)
    return {**inherited, "DAGSTER_HOME": str(home), "EVAL_PIPELINE_CACHE": str(cache), **others}


def claim_usual_ports(cache: Path) -> None:
    """Leave the first ports to another home: a recorder of this machine's user may listen there."""
    other = cache / "another_home"
    (cache / "recorder_ports").mkdir(parents=True, exist_ok=True)
    other.mkdir(exist_ok=True)
    (other / DATABASE).touch()
    for port in range(USUAL_PORT, USUAL_PORT + 50):
        (cache / "recorder_ports" / str(port)).write_text(str(other))


def write_counted_suite(folder: Path, cases: int) -> Path:
    """Write the suite, whose target repeats what it is asked."""
    suite = folder / "counted"
    suite.mkdir(parents=True)
    (suite / "suite.yaml").write_text(_SUITE)
    (suite / "agent.py").write_text(_AGENT)
    lines = [f'- {{id: c{n}, input: "{n}", assertions: [{{type: equals, value: "{n}"}}]}}' for n in range(cases)]
    (suite / "cases.yaml").write_text("\n".join(lines))
    return suite


@dataclass(frozen=True, kw_only=True)
class StartedRun:
    """A run in a process of its own, and the files that take what it prints."""

    process: WarmProcess
    stdout: Path
    stderr: Path

    def document(self) -> dict[str, str]:
        """What it has printed at its end, which is waited for."""
        code = self.process.wait(timeout=600)
        assert code == 0, self.stderr.read_text()
        document: dict[str, str] = json.loads(self.stdout.read_text())
        return document


def start(suite: Path, store: Path, variables: dict[str, str]) -> StartedRun:
    """Start a run of the suite."""
    stdout, stderr = suite.parent / "stdout.txt", suite.parent / "stderr.txt"
    process = start_warm(
        TERMINAL,
        "run",
        suite,
        "--store",
        store,
        "--json",
        folder=suite,
        environment=variables,
        stdout=stdout,
        stderr=stderr,
    )
    return StartedRun(process=process, stdout=stdout, stderr=stderr)


def finished(runs: Sequence[StartedRun]) -> list[dict[str, str]]:
    """Wait for runs, and return what they print."""
    return [run.document() for run in runs]


@contextlib.contextmanager
def served(variables: dict[str, str]) -> Iterator[str]:
    """`eval-pipeline recorder`, as a user starts it to look at links; its URL."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "stderr.txt"
        process = start_warm(TERMINAL, "recorder", folder=Path(folder), environment=variables, stderr=log)

        def url() -> str | None:
            match = re.search(r"recorder on (\S+)", log.read_text())
            assert match or process.poll() is None, log.read_text()
            return match and match[1]

        try:
            yield str(wait_for(url, timeout_s=60, otherwise=log.read_text))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def rows_at(document: dict[str, str]) -> Rows:
    """What the link of a run leads to."""
    link = document["experiment_url"]
    address = urlsplit(link)
    url = f"{address.scheme}://{address.netloc}"
    page = httpx.get(link, timeout=30).status_code
    client = Client(api_url=url, api_key="any", auto_batch_tracing=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runs = list(client.list_runs(project_name=document["experiment"], is_root=True))
    feedback = list(client.list_feedback(run_ids=[run.id for run in runs])) if runs else []
    examples = {run.reference_example_id for run in runs}
    client.close(timeout=0)
    return Rows(link=link, page=page, rows=len(runs), cases=len(examples), feedback=len(feedback))


def recorder_processes(home: Path) -> int:
    """How many processes have the home's recorder open."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if "eval_pipeline.recorder.home" in (process / "cmdline").read_text():
                links = [link.readlink() for link in (process / "fd").iterdir()]
                count += home / "recorder.sqlite" in links
    return count


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--cases", type=int, default=40)
    given = parser.parse_args()
    for homes in (given.runs, 1):
        with tempfile.TemporaryDirectory() as name:
            _measure(Path(name), homes=homes, runs=given.runs, cases=given.cases)


def _measure(folder: Path, *, homes: int, runs: int, cases: int) -> None:
    suites = [write_counted_suite(folder / str(n), cases) for n in range(runs)]
    variables = [environment(folder, folder / f"home{n % homes}") for n in range(runs)]
    began = time.monotonic()
    started = [
        start(suite, folder / f"store{n % homes}", env)
        for n, (suite, env) in enumerate(zip(suites, variables, strict=True))
    ]
    within = time.monotonic() - began
    documents = finished(started)
    took = time.monotonic() - began
    rows, ports = [], Counter[int | None]()
    for n in range(homes):
        with served(variables[n]):
            for document in documents[n::homes]:
                rows.append(rows_at(document))
                ports[urlsplit(document["experiment_url"]).port] += 1
    print(  # noqa: T201 - a program
        f"{runs} runs in {homes} homes, started within {within:.2f} s, finished after {took:.0f} s: "
        f"{sum(each.page == 200 for each in rows)} links open, "
        f"{sum(each.rows for each in rows)} rows of {sum(each.cases for each in rows)} cases "
        f"(expected {runs * cases}), {sum(each.feedback for each in rows)} scores, on {len(ports)} ports"
    )


if __name__ == "__main__":
    main()
