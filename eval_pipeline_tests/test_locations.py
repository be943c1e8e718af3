"""The code location has one name whichever way it is loaded: schedules and sensors keep their state under it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from eval_pipeline_tests.warm_processes import run_warm

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent


@pytest.mark.parametrize("options", [["-w", "workspace.yaml"], []], ids=["-w workspace.yaml", "pyproject.toml"])
def test_dagster_loads_the_location_under_its_name(options: list[str], tmp_path: Path) -> None:
    finished = run_warm(
        "dagster._cli:main", "definitions", "validate", *options, folder=ROOT, environment=_environment(tmp_path)
    )

    assert finished.returncode == 0, finished.stderr
    assert "Validation successful for code location eval_pipeline." in finished.stdout + finished.stderr


def test_dg_loads_the_location(tmp_path: Path) -> None:
    assert "All definitions loaded successfully." in _run([PROGRAMS / "dg", "check", "defs"], tmp_path)


def test_all_three_files_say_the_same_name() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())

    names = {
        tools["dagster"]["code_location_name"],
        tools["dg"]["project"]["code_location_name"],
        workspace["load_from"][0]["python_module"]["location_name"],
    }
    assert {"eval_pipeline"} == names


def _environment(home: Path) -> dict[str, str]:
    return {"PATH": f"{PROGRAMS}:/usr/bin:/bin", "DAGSTER_HOME": str(home), "HOME": str(home), "NO_COLOR": "1"}


def _run(command: list[str | Path], home: Path) -> str:
    finished = subprocess.run(
        command, cwd=ROOT, env=_environment(home), capture_output=True, text=True, timeout=120, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout + finished.stderr
