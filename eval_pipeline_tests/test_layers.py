"""The house keeps its layers, and the documents keep their word."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 400


def test_imports_go_one_way_and_the_domain_never_imports_dagster() -> None:
    program = Path(sys.executable).parent / "lint-imports"

    finished = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )

    assert finished.returncode == 0, finished.stdout


@pytest.mark.parametrize("package", ["eval_pipeline", "eval_pipeline_tests"])
def test_no_file_is_longer_than_a_reader_can_hold(package: str) -> None:
    lengths = {file: len(file.read_text().splitlines()) for file in (ROOT / package).rglob("*.py")}

    assert {str(file): lines for file, lines in lengths.items() if lines > MOST_LINES} == {}


def test_every_module_says_what_it_is() -> None:
    silent = [file for file in (ROOT / "eval_pipeline").rglob("*.py") if not file.read_text().startswith('"""')]

    assert silent == []
