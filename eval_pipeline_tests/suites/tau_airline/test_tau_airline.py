"""τ-bench airline from the terminal: the published numbers, and any other tasks under the same file names.

The data is not in this repository: TAU_AIRLINE_DATA, or `shared/data/tau_airline` beside the checkout, holds it.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.opening import open_store
from eval_pipeline_tests.cli.terminal import terminal as made_terminal
from eval_pipeline_tests.warm_processes import TERMINAL, run_warm

SUITE = Path(__file__).parent
DATA = Path(os.environ.get("TAU_AIRLINE_DATA") or SUITE / "../../../../shared/data/tau_airline").resolve()
AGREEMENT = 0.98

needs_data = pytest.mark.skipif(
    not (DATA / "trajectories.json").is_file(),
    reason="the τ-bench airline data is not here; TAU_AIRLINE_DATA names its folder",
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TAU_AIRLINE_DATA", str(DATA))
    return tmp_path / "store"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a run of the published data, which tests only read, and what it printed."""
    folder = tmp_path_factory.mktemp("published")
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(folder / "home"),
        "EVAL_PIPELINE_CACHE": str(folder / "cache"),
        "EVAL_PIPELINE_TRACING": "off",
        "TAU_AIRLINE_DATA": str(DATA),
    }
    done = run_warm(TERMINAL, "run", SUITE, "--json", "--store", folder / "store", environment=environment)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def _run(store: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    finished = made_terminal(monkeypatch, capfd)("run", SUITE, "--json", "--store", store, *more)
    assert finished.code == 0, finished.stderr
    return finished.document


@needs_data
def test_the_published_numbers_come_out(published: tuple[Path, dict[str, Any]]) -> None:
    folder, document = published
    store = folder / "store"

    assert (document["cases"], document["attempts"]) == (25, 100)
    assert [round(chance, 4) for chance in document["pass_hat_k"]["published_reward"]] == [0.310, 0.1933, 0.170, 0.160]
    rows = read_results(open_store(str(store)), "tau_airline", document["experiment"]).to_pylist()
    verdicts = [{assertion["name"]: assertion["passed"] for assertion in row["assertions"]} for row in rows]
    agreed = sum(passed["actions_match"] == passed["published_reward"] for passed in verdicts)
    assert agreed >= AGREEMENT * len(rows)
    assert all(passed["grounded_in_context"] for passed in verdicts)
    context = SharedContext.open(open_store(str(store)), "tau_airline", document["context_id"])
    assert {name: context.table(name).num_rows for name in context.manifest.tables} == {
        "flights": 300,
        "reservations": 2_000,
        "users": 500,
    }


@needs_data
def test_the_score_of_actions_agrees_with_the_published_rewards(
    published: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder, _ = published
    monkeypatch.setenv("DAGSTER_HOME", str(folder / "home"))
    monkeypatch.setenv("TAU_AIRLINE_DATA", str(DATA))
    recorded = json.loads((DATA / "trajectories.json").read_text())
    rows = [
        {
            "case_id": f"task-{agreement['task_id']}",
            "attempt": agreement["trial"] + 1,
            "assertion": "actions_match",
            "label": agreement["reward"],
        }
        for agreement in recorded
    ]
    labels = tmp_path / "rewards.jsonl"
    labels.write_text("\n".join(map(json.dumps, rows)))

    command = ("agreement", SUITE, labels, "--json", "--store", folder / "store")
    (agreement,) = made_terminal(monkeypatch, capfd)(*command).document["agreement"]

    assert (agreement["pairs"], agreement["cases"], agreement["unanswered"], agreement["missing"]) == (100, 25, 0, 0)
    assert agreement["accuracy"]["value"] >= AGREEMENT
    assert agreement["kappa"]["low"] <= agreement["kappa"]["value"] <= agreement["kappa"]["high"]
    assert agreement["kappa"]["value"] > 0.9


@needs_data
def test_a_result_that_the_database_does_not_hold_is_not_grounded(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "data"
    other.mkdir()
    for file in DATA.glob("*.json"):
        (other / file.name).write_bytes(file.read_bytes())
    users = json.loads((other / "users.json").read_text())
    users["mia_li_3668"]["membership"] = "silver"
    (other / "users.json").write_text(json.dumps(users))
    monkeypatch.setenv("TAU_AIRLINE_DATA", str(other))

    document = _run(store, monkeypatch, capfd, "--case", "task-0")

    assert document["metrics"]["grounded_in_context"]["mean"] < 1


def test_other_tasks_under_the_same_names_work_unchanged(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _write_other_tasks(tmp_path / "other")
    monkeypatch.setenv("TAU_AIRLINE_DATA", str(tmp_path / "other"))

    document = _run(store, monkeypatch, capfd)

    assert (document["cases"], document["attempts"]) == (2, 4)
    assert document["pass_hat_k"]["published_reward"] == [0.5, 0.5]
    assert document["pass_hat_k"]["actions_match"] == [0.75, 0.5]
    assert document["metrics"]["grounded_in_context"]["mean"] == 1.0


def _write_other_tasks(folder: Path) -> None:
    folder.mkdir()
    (folder / "flights.json").write_text(json.dumps({"F1": {"flight_number": "F1", "origin": "A", "dates": {}}}))
    (folder / "reservations.json").write_text(json.dumps({"R1": {"reservation_id": "R1", "user_id": "u1"}}))
    (folder / "users.json").write_text(json.dumps({"u1": {"name": "Una", "address": {"state": "X"}}}))
    cancel = {"name": "cancel_reservation", "kwargs": {"reservation_id": "R1"}}
    conversations = [
        _conversation(
            task_id=7,
            trial=trial,
            reward=1.0,
            gold=[cancel],
            calls=[cancel],
            answer="Cancelled, 1,200 refunded.",
            outputs=["1200"],
        )
        for trial in (1, 0)
    ]
    conversations += [
        _conversation(task_id="b", trial=0, reward=0.0, gold=[cancel], calls=[], answer="I cannot.", outputs=[]),
        # The published reward may be wrong about what was done; the two scores differ.
        _conversation(task_id="b", trial=1, reward=0.0, gold=[cancel], calls=[cancel], answer="Done.", outputs=[]),
    ]
    (folder / "trajectories.json").write_text(json.dumps(conversations))


def _conversation(
    *, task_id: object, trial: int, reward: float, gold: list[Any], calls: list[Any], answer: str, outputs: list[str]
) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "policy"},
        {"role": "user", "content": "Cancel R1."},
    ]
    looked_up = {"name": "get_user_details", "kwargs": {"user_id": "u1"}}
    results = {"get_user_details": '{"name": "Una", "address": {"province": "X"}}'}
    for number, call in enumerate([looked_up, *calls]):
        function = {"name": call["name"], "arguments": json.dumps(call["kwargs"])}
        messages.append(
            {"role": "assistant", "content": None, "tool_calls": [{"id": f"c{number}", "function": function}]}
        )
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": results.get(call["name"], "{}")})
    messages.append({"role": "assistant", "content": answer})
    task = {"user_id": "u1", "instruction": "…", "actions": gold, "outputs": outputs}
    return {"task_id": task_id, "trial": trial, "reward": reward, "info": {"task": task}, "traj": messages}
