"""The package of docs/assertions.md, really installed: a suite is evaluated with its assertion and its target."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from eval_pipeline.suite.check import check_suite
from eval_pipeline_tests.warm_processes import CODE, run_warm

GUIDE = (Path(__file__).resolve().parent.parent / "docs" / "assertions.md").read_text()
PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "shouting"
version = "1.0"

[tool.setuptools]
py-modules = ["shouting"]

"""

SUITE = {"name": "loud", "cases": "cases.yaml", "target": {"kind": "shouter", "suffix": "?!"}}
CASES = [
    {"id": "loud", "input": "hello", "assertions": [{"type": "is_loud"}, {"type": "equals", "value": "HELLO?!"}]},
    {"id": "quiet", "input": "hello", "assertions": [{"type": "is_loud", "negate": True}]},
]

EVALUATE = """
import json, sys
from pathlib import Path
import eval_pipeline
from eval_pipeline.suite.check import check_suite

folder = Path(sys.argv[1])
problems = check_suite(folder)[2]
results = [] if problems else eval_pipeline.EvalRunner(folder).batch()
print(json.dumps({
    "problems": [[problem.field, problem.message, problem.fix] for problem in problems],
    "results": {result.case_id: [result.status, result.assertions[0].message] for result in results},
}))
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package `shouting` is installed in."""
    source, target = tmp_path_factory.mktemp("shouting"), tmp_path_factory.mktemp("site")
    (entry_points,) = re.findall(r"```toml\n# pyproject.toml\n(.*?)```", GUIDE, re.DOTALL)
    (module,) = re.findall(r"```python\n# shouting.py\n(.*?)```", GUIDE, re.DOTALL)
    (source / "pyproject.toml").write_text(PROJECT + entry_points)
    (source / "shouting.py").write_text(module)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return target


def written(folder: Path, **fields: object) -> Path:
    (folder / "suite.yaml").write_text(yaml.safe_dump({**SUITE, **fields}))
    (folder / "cases.yaml").write_text(yaml.safe_dump(CASES))
    return folder


def evaluated(folder: Path, packages: Path, **fields: object) -> dict[str, object]:
    written(folder, **fields)
    environment = {**os.environ, "EVAL_PIPELINE_STORE": str(folder.parent / "store")}
    code = f"import sys\nsys.path.insert(0, {str(packages)!r})\n{EVALUATE}"
    finished = run_warm(CODE, code, folder, environment=environment)
    assert finished.returncode == 0, finished.stderr
    return dict(json.loads(finished.stdout.splitlines()[-1]))


def test_a_suite_is_evaluated_with_the_assertion_and_the_target_of_an_installed_package(
    folder: Path, packages: Path
) -> None:
    outcome = evaluated(folder, packages)
    assert outcome["problems"] == []
    assert outcome["results"] == {"loud": ["passed", "100% upper case"], "quiet": ["failed", "100% upper case"]}


def test_check_reports_what_the_package_finds_wrong_and_suggests_its_fields(folder: Path, packages: Path) -> None:
    outcome = evaluated(folder, packages, assertions=[{"type": "is_loud", "share": 2.0}])
    assert outcome["problems"] == [["assertions[0].share", "no answer is that loud", "write a share of at most 1"]]
    outcome = evaluated(folder, packages, target={"kind": "shouter", "sufix": "!"})
    assert outcome["problems"] == [["target.sufix", "unknown field 'sufix'", "did you mean 'suffix'?"]]


def test_without_the_package_its_type_and_its_kind_are_unknown(folder: Path) -> None:
    messages = {problem.message for problem in check_suite(written(folder))[2]}
    assert messages == {"unknown kind 'shouter'", "unknown type 'is_loud'"}
