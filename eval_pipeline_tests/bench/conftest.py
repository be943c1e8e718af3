"""Sides of benchmarks in processes that need not start Python and import the package."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import measuring
from eval_pipeline_tests.warm_processes import run_warm


@pytest.fixture
def warm_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sides run in warm processes: what they count is looked at, and not what their start costs."""

    def run(
        command: list[str], *, cwd: Path, env: dict[str, str], timeout: float, **rest: object
    ) -> subprocess.CompletedProcess[str]:
        del rest  # it captures what is printed
        _, _, module, arguments = command
        return run_warm(f"{module}:main", arguments, folder=cwd, environment=env, timeout=timeout)

    monkeypatch.setattr(measuring, "subprocess", SimpleNamespace(run=run, TimeoutExpired=subprocess.TimeoutExpired))
