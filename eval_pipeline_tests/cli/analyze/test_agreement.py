"""`eval-pipeline agreement`: an experiment's results compared with human labels."""

from pathlib import Path

import pytest

from eval_pipeline_tests.building import write_suite
from eval_pipeline_tests.cli.terminal import Terminal

CASES = [
    {"id": f"c{index}", "input": text, "assertions": [{"type": "contains", "value": "hello"}]}
    for index, text in enumerate(["hello", "hello you", "goodbye", "well"])
]


@pytest.fixture
def suite(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "off")
    (folder / "labels.csv").write_text(
        "case_id,assertion,label\nc0,contains,yes\nc1,contains,no\nc2,contains,no\nc3,contains,no\nc9,contains,no\n"
    )
    return write_suite(folder, cases=CASES)


def test_an_experiments_agreement_is_shown_as_json_and_as_a_table(suite: Path, terminal: Terminal) -> None:
    experiment = terminal("run", suite, "--json").document["experiment"]
    document = terminal("agreement", suite, suite / "labels.csv", "--json").document
    (measured,) = document["agreement"]
    assert (document["suite"], document["experiment"]) == ("sample", experiment)
    assert (measured["assertion"], measured["pairs"], measured["missing"]) == ("contains", 4, 1)
    assert measured["accuracy"]["value"] == 0.75
    assert measured["kappa"]["value"] == pytest.approx(0.5)
    shown = terminal("agreement", suite, suite / "labels.csv", "--experiment", experiment)
    assert shown.code == 0
    for text in ("contains", "4 yes or no", "1 missing", "0.75", "0.50"):
        assert text in shown.stdout


def test_without_an_experiment_or_with_a_wrong_file_it_says_what_to_do(suite: Path, terminal: Terminal) -> None:
    nothing = terminal("agreement", suite, suite / "labels.csv")
    assert (nothing.code, "has no experiment yet" in nothing.stderr) == (2, True)
    unknown = terminal("agreement", suite, suite / "labels.csv", "--experiment", "nope")
    assert (unknown.code, "has no experiment 'nope'" in unknown.stderr) == (2, True)
    missing = terminal("agreement", suite, suite / "other.csv")
    assert (missing.code, "there is no such file" in missing.stderr) == (2, True)
