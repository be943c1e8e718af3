"""A package that registers a type of assertion and a kind of target, really installed, and a suite that uses both."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from eval_pipeline.suite.checking.check import check_suite

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "shouting"
version = "1.0"

[project.entry-points."eval_pipeline.assertions"]
is_loud = "shouting:IsLoud"

[project.entry-points."eval_pipeline.targets"]
shouter = "shouting:ShouterTarget"

[tool.setuptools]
py-modules = ["shouting"]
"""

MODULE = '''
"""An assertion and a target of another package than eval_pipeline."""

from typing import Literal

from eval_pipeline.assertions.scope import CheckResult
from eval_pipeline.errors import Problem
from eval_pipeline.suite.spec.assertion import Assertion
from eval_pipeline.suite.spec.target import Target
from eval_pipeline.targets.session import LiveSession, LiveSessionFactory, Reply


class IsLoud(Assertion):
    type: Literal["is_loud"]
    share: float = 1.0

    def check(self, scope):
        letters = [letter for letter in scope.response if letter.isalpha()]
        share = sum(letter.isupper() for letter in letters) / len(letters)
        return CheckResult(passed=share >= self.share, message=f"{share:.0%} upper case")

    def problems(self, suite):
        if self.share > 1:
            yield Problem(message="no answer is that loud", fix="write a share of at most 1", field="share")


class ShouterTarget(Target):
    kind: Literal["shouter"]
    suffix: str = "!"

    def open(self, folder):
        return Shouters(self.suffix)


class Shouters(LiveSessionFactory):
    def __init__(self, suffix):
        self.suffix = suffix

    def open(self, case, *, attempt, thread_id):
        return Shouting(self.suffix)


class Shouting(LiveSession):
    def __init__(self, suffix):
        self.suffix = suffix

    async def send(self, message):
        return Reply(response=message.upper() + self.suffix)
'''

SUITE = {"name": "loud", "cases": "cases.yaml", "target": {"kind": "shouter", "suffix": "?!"}}
CASES = [
    {"id": "loud", "input": "hello", "assertions": [{"type": "is_loud"}, {"type": "equals", "value": "HELLO?!"}]},
    {"id": "quiet", "input": "hello", "assertions": [{"type": "is_loud", "negate": True}]},
]

EVALUATE = """
import json, sys
from pathlib import Path
import eval_pipeline
from eval_pipeline.suite.checking.check import check_suite

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
    (source / "pyproject.toml").write_text(PROJECT)
    (source / "shouting.py").write_text(MODULE)
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
    environment = {**os.environ, "EVAL_PIPELINE_STORE": str(folder.parent / "store"), "PYTHONPATH": str(packages)}
    finished = subprocess.run(
        [sys.executable, "-c", EVALUATE, str(folder)], env=environment, capture_output=True, text=True, check=True
    )
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
    assert messages == {"unknown kind 'shouter'", "unknown kind 'is_loud'"}
