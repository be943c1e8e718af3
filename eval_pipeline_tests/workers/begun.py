"""An experiment for workers: a suite that counts its agent's calls, in a bucket, traced to a recorder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from eval_pipeline.results.result_log import read_all_rows
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.workers.state_machine.aws_lambda import prefetch
from eval_pipeline.workers.task import WorkerTask
from eval_pipeline_tests.s3_servers import ACCESS_KEY, SECRET_KEY

_SUITE = """\
name: counted
cases: cases.yaml
context:
  tables:
    numbers: {file: numbers.csv, key: number}
target: {kind: python, path: "agent.py:answer"}
compute: COMPUTE
"""
_AGENT = """\
import asyncio, os

from eval_pipeline.context.shared_context import get_shared_context

CALLS = os.open(PATH, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


async def answer(message):
    os.write(CALLS, (message + "\\n").encode())
    await asyncio.sleep(0.02)
    if message == "3":
        raise RuntimeError("three is too much")
    return get_shared_context().lookup("numbers", f"n{message}")["kind"]
"""


def write_counting_suite(folder: Path, *, cases: int, compute: str = "local") -> Path:
    """A suite whose case 3 always breaks."""
    folder.mkdir(parents=True)
    kinds = ("even", "odd")
    (folder / "suite.yaml").write_text(_SUITE.replace("COMPUTE", compute))
    (folder / "agent.py").write_text(_AGENT.replace("PATH", repr(str(folder.parent.parent / "calls.txt"))))
    (folder / "numbers.csv").write_text("number,kind\n" + "".join(f"n{n},{kinds[n % 2]}\n" for n in range(cases)))
    lines = (
        f'- {{id: c{n:03d}, input: "{n}", assertions: [{{type: equals, value: {kinds[n % 2]}}}]}}\n'
        for n in range(cases)
    )
    (folder / "cases.yaml").write_text("".join(lines))
    return folder


@dataclass(frozen=True, kw_only=True)
class Begun:
    """Where everything is."""

    folder: Path
    suite: Path
    bucket: str
    endpoint: str
    recorder: str
    trace_mode: str = "grafted"

    @property
    def environment(self) -> dict[str, str]:
        """Of every process that takes part."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "EVAL_PIPELINE_STORE": f"s3://{self.bucket}/team",
            "EVAL_PIPELINE_SUITES": str(self.suite),
            "EVAL_PIPELINE_CACHE": str(self.folder / "cache"),
            "EVAL_PIPELINE_SPOOL": str(self.folder / "spool"),
            "EVAL_PIPELINE_TRACING": "recorder",
            "EVAL_PIPELINE_RECORDER_URL": self.recorder,
            "EVAL_PIPELINE_TRACE_MODE": self.trace_mode,
            "LANGSMITH_TRACING": "true",
        }

    @property
    def store(self) -> Store:
        """The bucket."""
        return open_store(f"s3://{self.bucket}/team")

    def tasks(self, **more: Any) -> list[WorkerTask]:
        """Begin the experiment, or join it: what is left of it."""
        prefetched = prefetch({"suite": "counted", "launch": "monday", "cases_per_task": 5})
        items = open_store(f"s3://{prefetched['items']['bucket']}").get(prefetched["items"]["key"])
        return [WorkerTask.model_validate({**item, **more}) for item in orjson.loads(items or b"[]")]

    def calls(self) -> list[str]:
        """What the agent was asked, in all processes."""
        file = self.folder / "calls.txt"
        return file.read_text().split() if file.exists() else []

    def rows(self, experiment: str) -> list[tuple[str, str]]:
        """Every row of the result log."""
        rows = read_all_rows(self.store, "counted", experiment, columns=["status"]).to_pylist()
        return sorted((row["case_id"], row["status"]) for row in rows)

    def traced(self, experiment: str) -> list[str]:
        """The names of the experiment's rows at the recorder."""
        (session,) = httpx.get(f"{self.recorder}/sessions", params={"name": experiment}).json()
        body = {"session": [session["id"]], "is_root": True, "limit": 100}
        page = httpx.post(f"{self.recorder}/runs/query", json=body).json()
        return sorted(run["name"] for run in page["runs"])


def set_up_environment(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process takes part."""
    for name, value in begun.environment.items():
        monkeypatch.setenv(name, value)
