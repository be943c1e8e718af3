"""The command of a container, as a process of its own against a bucket; and without Dagster."""

import json
import os
import subprocess
import sys

import pytest

from eval_pipeline.store.layout import answer_key, task_key
from eval_pipeline.workers.command import main
from eval_pipeline_tests.warm_processes import run_warm
from eval_pipeline_tests.workers.begun import Begun

_WITHOUT_DAGSTER = """
import sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("dagster"):
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Refusing())
import eval_pipeline.workers.aws_lambda, eval_pipeline.workers.state_machine.aws_lambda
from eval_pipeline.workers.command import program
program()
"""


def _worker(begun: Begun, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    program = "eval_pipeline.workers.command:program"
    return run_warm(program, *arguments, environment={**os.environ, **begun.environment}, stdin=stdin)


def test_it_does_a_task_of_the_store_without_dagster(begun: Begun) -> None:
    task, _ = begun.tasks()
    key = task_key(task.suite, task.experiment, task.task)
    begun.store.put(key, task.to_json())

    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_DAGSTER],
        env={**os.environ, **begun.environment, "EVAL_PIPELINE_TASK": key},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["finished"], answer["errors"], answer["runs_dropped"]) == (5, 1, 0)
    assert json.loads(begun.store.get(answer_key(task.suite, task.experiment, task.task)) or b"") == answer
    assert len(begun.rows(task.experiment)) == 5
    assert len(begun.traced(task.experiment)) == 5


def test_it_does_tasks_from_standard_input_until_there_are_no_more(begun: Begun) -> None:
    lines = [task.to_json().decode() for task in begun.tasks()]

    done = _worker(begun, "-", stdin="".join(f"{line}\n" for line in lines))

    assert [json.loads(line)["finished"] for line in done.stdout.splitlines()] == [5, 5], done.stderr


def test_it_says_what_is_wrong_and_ends_with_its_code(begun: Begun) -> None:
    nothing = _worker(begun)
    unknown = _worker(begun, "no/such/key")

    assert (nothing.returncode, unknown.returncode) == (2, 2)
    assert "there is no task to do" in nothing.stderr
    assert "there is no task at 'no/such/key'" in unknown.stderr


def test_it_describes_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.startswith("`eval-pipeline-worker [TASK | -]`")
