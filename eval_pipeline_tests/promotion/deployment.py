"""A daemon, a recorder and a webhook around the suite whose prompt decides how many cases pass."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline_tests.dagster_deployment import running_dagster
from eval_pipeline_tests.defs.sensors.webhook_receiver import WebhookReceiver
from eval_pipeline_tests.promotion.knowing_suite import publish_knowing, write_knowing_suite
from eval_pipeline_tests.prompts.published import hub_at
from eval_pipeline_tests.waiting import wait_for
from eval_pipeline_tests.warm_processes import TERMINAL, run_warm

_LOCATION = """\
from pathlib import Path

from eval_pipeline.defs.build import build_location

defs = build_location(folders=[Path(__file__).parent / "shop"])
"""
_DAGSTER_YAML = "telemetry: {enabled: false}\nrun_queue: {dequeue_interval_seconds: 1}\n"
_LONGEST_WAIT_S = 300.0


@dataclass(frozen=True, kw_only=True)
class PromptDeployment:
    """What runs in a folder."""

    folder: Path
    recorder: RecorderServer
    webhook: WebhookReceiver
    environment: Mapping[str, str]

    @property
    def store(self) -> Store:
        """The store that runs write to."""
        return open_store(str(self.folder / "store"))

    @property
    def production(self) -> str:
        """The commit in use."""
        return hub_at(self.recorder.url).tags("support")["production"]

    @property
    def notices(self) -> list[tuple[str, str]]:
        """The notices that the webhook received: each event with its commit."""
        return [(notice["event"], notice["after"]) for notice in self.webhook.received]

    def publish(self, knows: int, *, tag: str | None = None) -> str:
        """Commit a prompt with which so many cases pass."""
        return publish_knowing(self.recorder.url, knows, tag=tag)

    def terminal(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `eval-pipeline` in this deployment."""
        return run_warm(TERMINAL, *arguments, folder=self.folder, environment=self.environment)

    def log(self) -> str:
        """What the daemon and the code server printed."""
        # Each process creates its file when it has started.
        files = [self.folder / f"{name}.log" for name in ("daemon", "code")]
        return "".join(file.read_text() for file in files if file.exists())

    def until(self, there: Callable[[], Any]) -> Any:
        """Wait for something to be there, and return it."""
        return wait_for(there, timeout_s=_LONGEST_WAIT_S, otherwise=lambda: self.log()[-3_000:])

    @contextlib.contextmanager
    def daemon(self) -> Iterator[None]:
        """Within it, a daemon runs."""
        with running_dagster(self.folder, self.environment):
            yield


@contextlib.contextmanager
def deployed(folder: Path, **fields: Any) -> Iterator[PromptDeployment]:
    """The suite with `fields` in `folder`; no daemon runs yet."""
    write_knowing_suite(folder / "shop", **fields)
    (folder / "location.py").write_text(_LOCATION)
    (folder / "home").mkdir()
    (folder / "home" / "dagster.yaml").write_text(_DAGSTER_YAML)
    with RecorderServer(db_path=folder / "recorder.sqlite") as recorder, WebhookReceiver() as webhook:
        own = {"DAGSTER_HOME": "home", "EVAL_PIPELINE_STORE": "store", "EVAL_PIPELINE_CACHE": "cache"}
        environment = {
            **os.environ,
            **{name: str(folder / value) for name, value in own.items()},
            "EVAL_PIPELINE_SPOOL": str(folder / "spool"),
            "EVAL_PIPELINE_TRACING": "recorder",
            "EVAL_PIPELINE_RECORDER_URL": recorder.url,
            "EVAL_PIPELINE_WEBHOOK": webhook.url,
            "LANGSMITH_TRACING": "true",
        }
        yield PromptDeployment(folder=folder, recorder=recorder, webhook=webhook, environment=environment)
