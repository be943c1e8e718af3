"""Dagster's default run launcher, extended to detect runs whose process is gone.

Dagster's launcher knows nothing of the processes it starts: a run that is killed, or whose machine is restarted, stays
STARTED indefinitely and blocks the queue. This launcher notes on each run where it was launched, and reads the id of
its process from the run's events. Run monitoring then marks the run as failed, run retries launch a new one, and that
continues where the result log ends.

The types that a launcher returns are in a private module of Dagster; there are no public ones. If that changes,
importing this module fails: remove `run_launcher` from dagster.yaml.
"""

import platform
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from typing_extensions import override

from eval_pipeline.processes import is_alive, start_of_process

LAUNCHED_ON_TAG = "eval/launched_on"
"""On a run: the start of the machine, or of the container, that launched it."""
GONE_AFTER_SECONDS = 15.0
"""A process that ended a moment ago may not have written its end yet."""
_STARTED = re.compile(r"^Started process for run \(pid: (\d+)\)")
_RESTARTED = "The machine or container of this run was restarted."
_GONE = "The process of this run ended without reporting to Dagster."


class LocalRunLauncher(dg.DefaultRunLauncher):
    """Launches runs as processes of this machine, and checks that they are alive."""

    def __init__(self, inst_data: Any = None) -> None:
        """Take the configuration in `dagster.yaml`, which has none."""
        super().__init__(inst_data)
        self._missing_since: dict[str, float] = {}

    @classmethod
    @override
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> "LocalRunLauncher":
        return cls(inst_data=inst_data, **config_value)

    @property
    @override
    def supports_check_run_worker_health(self) -> bool:
        return True

    @override
    def launch_run(self, context: LaunchRunContext) -> None:
        """Launch a run, with a tag that says where."""
        self._instance.add_run_tags(context.dagster_run.run_id, {LAUNCHED_ON_TAG: start_of_this_machine()})
        super().launch_run(context)

    @override
    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Check a started run; run monitoring calls this for each of them."""
        reason = self.reason_lost(run)
        if reason is None:
            self._missing_since.pop(run.run_id, None)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        since = self._missing_since.setdefault(run.run_id, time.monotonic())
        if reason == _GONE and time.monotonic() - since < GONE_AFTER_SECONDS:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"{reason} Its finished results are kept.")

    def reason_lost(self, run: dg.DagsterRun) -> str | None:
        """Why the process of a started run is gone; None if it is alive, or was started by another program."""
        launched_on = run.tags.get(LAUNCHED_ON_TAG)
        if launched_on is None:
            return None
        if launched_on != start_of_this_machine():
            return _RESTARTED
        events = self._instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        ids = [int(started[1]) for event in events if (started := _STARTED.match(event.user_message or event.message))]
        return None if not ids or is_alive(ids[-1]) else _GONE


def lost_runs(instance: dg.DagsterInstance) -> dict[str, str]:
    """The started runs of `LocalRunLauncher` whose process is gone: why, by the id of the run."""
    launcher = instance.run_launcher
    if not isinstance(launcher, LocalRunLauncher):
        return {}
    started = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    reasons = {run.run_id: launcher.reason_lost(run) for run in started}
    return {run_id: reason for run_id, reason in reasons.items() if reason is not None}


def start_of_this_machine() -> str:
    """An id of this start of the machine, or of the container: another one after a restart, whatever the clock says."""
    return f"{platform.node()} {_boot_id()} {start_of_process(1)}"


def _boot_id() -> str:
    linux = Path("/proc/sys/kernel/random/boot_id")
    if linux.is_file():
        return linux.read_text(encoding="ascii").strip()
    command = ["sysctl", "-n", "kern.bootsessionuuid"]  # of macOS
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""
