"""The component in a project of its own, which `dg` manages, with the package installed from its wheel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance

from eval_pipeline.store.local import LocalStore

ROOT = Path(__file__).resolve().parents[2]
_PROJECT = {
    "pyproject.toml": """
[project]
name = "tea_house"
version = "0.1.0"
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "tea_house"
""",
    "src/tea_house/__init__.py": "",
    "src/tea_house/defs/__init__.py": "",
    "src/tea_house/definitions.py": """
from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
""",
    # What a team has already: an asset, a resource and an IO manager under names that ours could have, an executor.
    "src/tea_house/defs/orders.py": """
import dagster as dg


@dg.asset
def orders(store: dg.ResourceParam[str]) -> int:
    return len(store)


@dg.definitions
def resources() -> dg.Definitions:
    manager = dg.FilesystemIOManager()
    return dg.Definitions(resources={"store": "theirs", "io_manager": manager}, executor=dg.multiprocess_executor)
""",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as its wheel installs it."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    source = folder / "source"
    source.mkdir()
    for name in ("eval_pipeline", "pyproject.toml", "setup.cfg", "README.md"):
        (source / name).symlink_to(ROOT / name)
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder / "wheels"), str(source)]
    subprocess.run([*pip, *build], check=True, capture_output=True)
    (wheel,) = (folder / "wheels").glob("*.whl")
    install = ["install", "--no-deps", "--no-compile", "--target", str(folder / "site"), str(wheel)]
    subprocess.run([*pip, *install], check=True, capture_output=True)
    return folder / "site"


def test_a_scaffolded_suite_is_checked_and_evaluated_beside_the_assets_of_the_project(
    installed: Path, tmp_path: Path
) -> None:
    project, home = tmp_path / "project", tmp_path / "home"
    for name, text in _PROJECT.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{installed}:{project / 'src'}",
        "DAGSTER_HOME": str(home),
        "EVAL_PIPELINE_STORE": str(tmp_path / "store"),
        "EVAL_PIPELINE_TRACING": "off",
        "NO_COLOR": "1",
    }

    def dg(*arguments: str) -> str:
        command = [str(Path(sys.executable).parent / "dg"), *arguments]
        ended = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    dg("scaffold", "defs", "eval_pipeline.EvalSuiteComponent", "my_suite")
    suite = project / "src/tea_house/defs/my_suite"
    assert yaml.safe_load((suite / "defs.yaml").read_text())["attributes"] == {"suite": "."}
    assert "All component YAML validated" in dg("check", "defs")
    with DagsterInstance.from_config(str(home)) as instance:
        # As `test_cases` does; a launch of it alone costs as much as that of the job.
        instance.add_dynamic_partitions("my_suite/cases", ["opening-hours"])
    dg("launch", "--job", "evaluate_my_suite", "--partition", "opening-hours")

    keys = LocalStore(tmp_path / "store").list("experiments/my_suite/")
    assert any(key.endswith("/report.html") for key in keys)
