"""`eval-pipeline run`: what it prints, what it keeps, and how it exits."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.opening import open_store
from eval_pipeline_tests.cli.terminal import Terminal

PROMISED = {
    "suite", "experiment", "experiment_url", "dataset_version", "context_id", "context_reused", "cases", "attempts",
    "status_counts", "pass_rate", "metrics", "pass_at_k", "pass_hat_k", "gates", "store", "report", "wall_s",
}  # fmt: skip


def test_a_run_prints_failures_first_then_where_to_look(terminal: Terminal, suite: Path) -> None:
    finished = terminal("run", suite)

    lines = finished.stdout.splitlines()
    position = {
        word: next(i for i, line in enumerate(lines) if word in line) for word in ("gold", "milk", "report", "Dagster")
    }
    assert finished.code == 0
    assert position["gold"] < position["milk"] < position["report"] < position["Dagster"]
    assert "missing: '999'" in finished.stdout
    assert "table prices: 2 rows" in finished.stderr


def test_json_is_one_document_with_everything_promised(terminal: Terminal, suite: Path, store: Path) -> None:
    (suite / "agent.py").write_text((suite / "agent.py").read_text() + "\nprint('noise of an agent')\n")

    document = terminal("run", suite, "--json").document

    assert document.keys() >= PROMISED
    assert tuple(document[name] for name in ("suite", "cases", "attempts", "status_counts")) == (
        "shop",
        3,
        3,
        {"passed": 2, "failed": 1},
    )
    assert pytest.approx(2 / 3) == document["pass_rate"]
    assert {"mean", "n", "cases", "low", "high", "error"} == document["metrics"]["contains"].keys()
    assert str(store) == document["store"]
    assert Path(document["report"]).is_file()


def test_a_second_run_reuses_the_context_and_begins_another_experiment(terminal: Terminal, suite: Path) -> None:
    first, second = (terminal("run", suite, "--json").document for _ in range(2))

    assert (first["context_reused"], second["context_reused"]) == (False, True)
    assert first["context_id"] == second["context_id"]
    assert first["experiment"] != second["experiment"]


def test_a_gate_that_fails_is_exit_code_1(terminal: Terminal, suite: Path) -> None:
    text = (suite / "suite.yaml").read_text().replace("min_pass_rate: 0.5", "min_pass_rate: 0.9")
    (suite / "suite.yaml").write_text(text)

    finished = terminal("run", suite, "--json")

    assert finished.code == 1
    gates = {gate["name"]: gate for gate in finished.document["gates"]}
    assert (gates["min_pass_rate"]["passed"], gates["max_error_rate"]["passed"]) == (False, True)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--case", "tea", "--case", "gold"], ["gold", "tea"]),
        (["--split", "hard"], ["gold"]),
        (["--tag", "dairy"], ["milk"]),
        (["--limit", "2"], ["gold", "milk"]),
        (["--split", "base", "--limit", "1"], ["milk"]),
    ],
)
def test_only_the_chosen_cases_are_evaluated(
    terminal: Terminal, suite: Path, store: Path, options: list[str], expected: list[str]
) -> None:
    document = terminal("run", suite, "--json", *options).document

    results = read_results(open_store(str(store)), "shop", document["experiment"])
    assert expected == results.column("case_id").to_pylist()


def test_repetitions_are_attempts_with_their_own_rows(terminal: Terminal, suite: Path) -> None:
    document = terminal("run", suite, "--json", "--repetitions", "3").document

    assert (document["cases"], document["attempts"]) == (3, 9)
    assert [pytest.approx(2 / 3)] * 3 == document["pass_hat_k"]["contains"]


def test_a_case_that_raises_is_a_row_and_the_others_are_kept(terminal: Terminal, suite: Path) -> None:
    (suite / "agent.py").write_text("def answer(message):\n    return {'tea': '4.20'}[message.split()[2]]\n")

    finished = terminal("run", suite, "--json")

    assert finished.code == 1
    assert finished.document["status_counts"] == {"error": 2, "passed": 1}


def test_infrastructure_that_fails_is_exit_code_3_and_finished_cases_are_kept(
    terminal: Terminal, suite: Path, store: Path
) -> None:
    (suite / "suite.yaml").write_text((suite / "suite.yaml").read_text() + "evaluation: {max_concurrency: 1}\n")
    (suite / "agent.py").write_text(
        "from eval_pipeline.errors import TransientError\n"
        "def answer(message):\n"
        "    if 'tea' in message:\n"
        "        raise TransientError('the model is down', fix='wait')\n"
        "    return '1.10'\n"
    )

    finished = terminal("run", suite)

    assert finished.code == 3
    assert "the model is down. Fix: wait." in finished.stderr
    experiment = next((store / "experiments" / "shop").iterdir()).name
    assert read_results(open_store(str(store)), "shop", experiment).column("case_id").to_pylist() == ["gold", "milk"]


def test_an_unknown_option_value_names_what_there_is(terminal: Terminal, suite: Path) -> None:
    finished = terminal("run", suite, "--split", "nope", "--case", "coffee")

    assert finished.code == 2
    assert "--case coffee: no such case. Fix: use one of gold, milk, tea." in finished.stderr
    assert "--split nope" in finished.stderr


def test_the_installed_program_runs_a_shipped_suite_by_name(store: Path) -> None:
    program = Path(sys.executable).parent / "eval-pipeline"

    finished = subprocess.run(
        [program, "run", "support_desk", "--split", "smoke", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert finished.returncode in (0, 1), finished.stderr
    assert '"suite": "support_desk"' in finished.stdout
    assert "Warning" not in finished.stderr
    assert (store / "contexts" / "support_desk").is_dir()


def test_a_gate_that_only_warns_is_shown_and_is_exit_code_0(terminal: Terminal, suite: Path) -> None:
    text = (suite / "suite.yaml").read_text()
    warns = "min_pass_rate: {threshold: 0.9, action: warn}"
    (suite / "suite.yaml").write_text(text.replace("min_pass_rate: 0.5", warns))

    finished = terminal("run", suite)

    assert finished.code == 0
    assert "gate min_pass_rate: failed (warns only)" in finished.stdout
    assert "cases: gold" in finished.stdout


def test_a_regression_since_the_last_run_that_passed_fails_and_names_the_slice_and_the_cases(
    terminal: Terminal, suite: Path
) -> None:
    regression = "max_regression: [any, {test: any, slice: tag=*}]"
    text = (suite / "suite.yaml").read_text().replace("min_pass_rate: 0.5, max_error_rate: 0.0", regression)
    (suite / "suite.yaml").write_text(text)
    first = terminal("run", suite, "--json")
    # A file of its own: this process has imported the other one.
    (suite / "worse.py").write_text((suite / "agent.py").read_text().replace(":.2f", ":.0f"))
    (suite / "suite.yaml").write_text(text.replace("agent.py", "worse.py"))

    worse = terminal("run", suite)
    (suite / "suite.yaml").write_text(text)
    restored = terminal("run", suite, "--json")

    assert (first.code, worse.code, restored.code) == (0, 1, 0)
    printed = " ".join(worse.stdout.split())
    assert "pass rate 0.0%, -66.7 points since" in printed
    assert "pass rate of tag=dairy 0.0%, -100.0 points" in printed
    assert "cases: milk, tea" in printed
    assert restored.document["comparison"]["baseline"] == first.document["experiment"]
    assert restored.document["comparison"]["pass_rate"]["change"] == "unchanged"


@pytest.mark.usefixtures("run_before")
def test_a_run_of_the_terminal_is_among_those_of_its_job_and_on_the_timeline(store: Path) -> None:
    with dg.DagsterInstance.from_config(str(store.parent / "home")) as instance:
        (run,) = instance.get_runs()
        messages = [entry.user_message for entry in instance.all_logs(run.run_id)]
    assert run.tags[".dagster/repository"] == "__repository__@eval_pipeline"
    assert run.remote_job_origin is not None
    origin = run.remote_job_origin
    assert (origin.job_name, origin.location_name) == ("evaluate_shop", "eval_pipeline")
    assert any("2 passed, 1 failed: 3 attempts at 3 cases" in message for message in messages)
    assert any(message.endswith("2 passed, 1 failed; gates passed") for message in messages)
