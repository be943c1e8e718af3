"""The state machine of a suite: valid by the schema, and executed in moto's interpreter as far as that goes.

moto knows no `ItemBatcher`, and does not enforce what a map tolerates; both are looked at in the definition alone.
"""

import json
import time
import uuid
from pathlib import Path
from typing import Any

import boto3
import httpx
import jsonschema
import pytest

from eval_pipeline.errors import InputError
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.workers.state_machine.definition import state_machine_definition
from eval_pipeline_tests.cli.terminal import terminal as made_terminal
from eval_pipeline_tests.small_suite import write_small_suite
from eval_pipeline_tests.workers.dispatch.conftest import Serving, World

_COMPUTE = "{kind: step_functions, function: worker, cases_per_task: 10, max_parallel: 2, poll_s: 0.5"
_PATIENCE_S = 400.0
_ROLE = "arn:aws:iam::123456789012:role/machine"


def _execute(definition: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    client = boto3.client("stepfunctions")
    # Names of their own: moto keeps its settings as long as this process lives.
    name = uuid.uuid4().hex
    machine = client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=_ROLE)
    begun = client.start_execution(stateMachineArn=machine["stateMachineArn"], name=name, input=json.dumps(given))
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        described: dict[str, Any] = client.describe_execution(executionArn=begun["executionArn"])
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.2)
    raise TimeoutError


def test_fifty_cases_without_dagster_are_one_experiment(world: World, serving: Serving) -> None:
    begun = world(cases=50, compute=_COMPUTE + "}")
    service = serving(begun)

    ended = _execute(state_machine_definition(read_suite(begun.suite)), {})

    assert ended["status"] == "SUCCEEDED", (ended.get("error"), ended.get("cause"))
    summary = json.loads(ended["output"])
    assert summary["status_counts"] == {"passed": 49, "error": 1}
    assert (summary["attempts"], summary["missing"]) == (50, 0)
    assert sorted(service.calls) == ["worker"] * 5 + ["worker-prefetch", "worker-summarise"]
    cases = [f"c{number:03d}" for number in range(50)]
    assert len(begun.calls()) == 50
    assert [case_id for case_id, _ in begun.rows(summary["experiment"])] == cases
    assert begun.traced(summary["experiment"]) == cases
    assert {key.split("/")[2] for key in begun.store.list("experiments/counted/")} == {summary["experiment"]}
    assert begun.store.get(f"experiments/counted/{summary['experiment']}/report.html")


def test_headers_that_the_machine_carries_join_all_cases_to_the_one_trace_that_prefetch_began(
    world: World, serving: Serving
) -> None:
    begun = world(cases=20, compute=_COMPUTE + "}", trace_mode="unified")
    serving(begun)

    ended = _execute(state_machine_definition(read_suite(begun.suite)), {})

    experiment = json.loads(ended["output"])["experiment"]
    record = json.loads(begun.store.get(f"experiments/counted/{experiment}/experiment.json") or b"")
    (session,) = httpx.get(f"{begun.recorder}/sessions", params={"name": experiment}).json()
    page = httpx.post(f"{begun.recorder}/runs/query", json={"session": [session["id"]], "limit": 100}).json()
    root = begun.traced(experiment)
    cases = {run["name"]: run for run in page["runs"] if run["name"].startswith("c0")}
    assert root == ["shared_context"]
    assert len(cases) == 20
    (trace,) = {run["trace_id"] for run in cases.values()}
    assert {run["parent_run_id"] for run in cases.values()} == {trace}
    assert trace in record["trace_headers"]["langsmith-trace"]


def test_a_run_of_dagster_executes_the_machine_for_its_cases(
    world: World, serving: Serving, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    name = uuid.uuid4().hex
    arn = f"arn:aws:states:us-east-1:123456789012:stateMachine:{name}"
    begun = world(cases=20, compute=f'{_COMPUTE}, state_machine: "{arn}"}}')
    service = serving(begun)
    definition = json.dumps(state_machine_definition(read_suite(begun.suite)))
    boto3.client("stepfunctions").create_state_machine(name=name, definition=definition, roleArn=_ROLE)

    done = made_terminal(monkeypatch, capfd)("run", begun.suite, "--json")

    assert done.document["status_counts"] == {"passed": 19, "error": 1}, done.stderr
    assert service.calls == ["worker"] * 2
    assert len(begun.rows(done.document["experiment"])) == len(begun.calls()) == 20


@pytest.mark.parametrize("more", ["", ", tasks_per_batch: 4, tolerated_failure_percentage: 5"])
def test_the_definition_is_valid_amazon_states_language(tmp_path: Path, more: str) -> None:
    definition = _definition(tmp_path, more)
    schema = json.loads(
        (
            Path(jsonschema.__file__).parent.parent / "cfnlint/data/schemas/other/step_functions/statemachine.json"
        ).read_text()
    )

    problems = [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(definition)]

    assert problems == []


def test_the_command_prints_it_or_writes_it_to_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    terminal = made_terminal(monkeypatch, capfd)
    expected, suite, file = _definition(tmp_path, ""), tmp_path / "shop", tmp_path / "machine.json"

    printed = terminal("stepfunctions", suite)
    written = terminal("stepfunctions", suite, "--out", file, "--store", "s3://bucket/team")

    assert json.loads(printed.stdout) == expected
    assert (written.code, written.stdout) == (0, "")
    assert json.loads(file.read_text()) == state_machine_definition(read_suite(suite), store="s3://bucket/team")
    assert "s3://bucket/team" in file.read_text()
    elsewhere = terminal("stepfunctions", write_small_suite(tmp_path / "here"))
    assert (elsewhere.code, "no state machine" in elsewhere.stderr) == (2, True)


def test_batches_carry_the_headers_and_tolerance_is_as_asked(tmp_path: Path) -> None:
    evaluate = _definition(tmp_path, ", tasks_per_batch: 4, tolerated_failure_percentage: 5")["States"]["Evaluate"]

    assert evaluate["ItemBatcher"]["MaxItemsPerBatch"] == 4
    assert evaluate["ItemBatcher"]["BatchInput"] == {"headers.$": "$.prefetched.headers"}
    assert evaluate["ToleratedFailurePercentage"] == 5.0
    assert "ItemSelector" not in evaluate


def test_a_suite_that_is_evaluated_elsewhere_has_no_state_machine(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no state machine"):
        state_machine_definition(read_suite(write_small_suite(tmp_path / "shop")))


def _definition(folder: Path, more: str) -> dict[str, Any]:
    suite = write_small_suite(folder / "shop")
    with (suite / "suite.yaml").open("a") as file:
        file.write(f"compute: {_COMPUTE}{more}}}\n")
    return state_machine_definition(read_suite(suite))
