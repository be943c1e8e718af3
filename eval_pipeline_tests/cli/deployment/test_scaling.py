"""`eval-pipeline scaling`: with the limits and the workers of a suite, and with --set."""

from pathlib import Path
from typing import Any

import pytest

from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.cli.terminal import terminal as made_terminal
from eval_pipeline_tests.small_suite import write_small_suite


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Terminal:
    return made_terminal(monkeypatch, capfd)


def test_a_suite_is_estimated_with_its_own_limits_and_workers(terminal: Terminal, tmp_path: Path) -> None:
    suite = write_small_suite(tmp_path / "shop")
    with (suite / "suite.yaml").open("a") as file:
        file.write(
            "evaluation: {requests_per_minute: 60}\ncompute: {kind: lambda, function: f, max_parallel: 7}\n"
            "repetitions: 2\n"
        )
    done: Any = terminal("scaling", suite, "--cases", "1000", "--set", "requests=3", "--json").document
    (estimate,) = done
    assert (estimate["at_once"], estimate["bottleneck"]) == (7, "requests")
    assert estimate["duration_s"] > 1_000 * 2 * 3 * 60 / 60


def test_from_a_thousand_cases_to_ten_million_it_says_what_decides_and_what_helps(terminal: Terminal) -> None:
    done = terminal("scaling", "--set", "concurrency=50")
    assert done.code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[1:6]] == [
        "1,000",
        "10,000",
        "100,000",
        "1,000,000",
        "10,000,000",
    ]
    assert "bottleneck agent: more attempts at a time" in done.stdout
    assert "with 1,000,000 cases Dagster's page" in done.stdout


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("colour=red", "the model has no parameter 'colour'"),
        ("workers=many", "workers: Input should be"),
        ("x", "'x' has no value"),
    ],
)
def test_what_cannot_be_set_is_reported(terminal: Terminal, given: str, message: str) -> None:
    done = terminal("scaling", "--set", given)
    assert (done.code, message in done.stderr) == (2, True)
