"""What a new user mistypes: each mistake ends at once, with exit code 2, and names what was probably meant."""

import contextlib
import socket
from pathlib import Path

import pytest

from eval_pipeline.doctor.finding import Finding, findings_of
from eval_pipeline.errors import InputError
from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline.scaling.scenario import Scenario
from eval_pipeline.store.opening import open_store
from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline_tests.building import write_suite
from eval_pipeline_tests.cli.terminal import Terminal


@pytest.mark.parametrize("uri", ["s3://", "s3:///key", "s3:", "s3:bucket", "file:data", "gs://bucket"])
def test_a_store_that_is_misspelt_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        open_store(uri)
    assert list(tmp_path.iterdir()) == []


def test_the_ui_on_a_port_that_is_taken_says_so_at_once(terminal: Terminal) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        finished = terminal("ui", "--port", taken.getsockname()[1])
    assert finished.code == 2
    assert "cannot listen on 127.0.0.1:" in finished.stderr
    assert "choose another --port" in finished.stderr


def test_the_baseline_of_an_unknown_suite_is_invalid_input(terminal: Terminal, store: Path) -> None:
    finished = terminal("baseline", "show", "suport_desk")
    assert (finished.code, finished.stdout) == (2, "")
    assert "did you mean 'support_desk'?" in finished.stderr
    assert not store.exists()


def test_an_unknown_option_of_a_runner_is_refused() -> None:
    with pytest.raises(InputError, match=r"modle: unknown option 'modle'\. Fix: did you mean 'model'"):
        EvalRunner("support_desk", modle="openai:gpt-4o")  # type: ignore[call-arg]
    with pytest.raises(InputError, match="unknown option 'temprature'"):
        EvalRunner(target=str.upper).run({"id": "a", "input": "x"}, temprature=0)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("option", "name", "fix"),
    [
        ("--tag", "nothing", "no case has a tag: remove the option"),
        ("--split", "hrad", "did you mean 'hard'?"),
        ("--case", "TEA", "did you mean 'tea'?"),
    ],
)
def test_a_selection_of_nothing_names_what_there_is(
    terminal: Terminal, folder: Path, option: str, name: str, fix: str
) -> None:
    cases = [{"id": "tea", "input": "x", "split": "hard"}, {"id": "gold", "input": "y"}]
    write_suite(folder, cases=cases, assertions=[{"type": "contains", "value": "x"}])
    finished = terminal("run", folder, option, name)
    assert finished.code == 2
    assert fix in finished.stderr


@pytest.mark.parametrize(
    ("fields", "message", "fix"),
    [
        ({"cases": [{"id": "a", "imput": "x"}]}, "unknown field 'imput'", "did you mean 'input'"),
        ({"cases": [{"id": "a", "qq": "x"}]}, "unknown field 'qq'", " input, "),
        (
            {"assertions": [{"type": "containz", "value": "x"}]},
            "unknown type 'containz'",
            "did you mean 'contains'?",
        ),
        ({"target": {"kind": "pyton", "path": "a:b"}}, "unknown kind 'pyton'", "did you mean 'python'?"),
        ({"gates": {"min_pass_rate": 1.9}}, "1.9 should be less than or equal to 1", "such as 0.9 for 90 %"),
    ],
)
def test_a_mistake_in_a_suite_names_what_was_meant(
    folder: Path, fields: dict[str, object], message: str, fix: str
) -> None:
    problems = check_suite(write_suite(folder, **fields))[2]
    assert any(message in problem.message and fix in problem.fix for problem in problems), problems


def test_code_that_cannot_be_parsed_is_to_be_corrected_where_it_is(folder: Path) -> None:
    (folder / "bad.py").write_text("def answer(message):\n    return (\n")
    (problem,) = check_suite(write_suite(folder, target={"kind": "python", "path": "bad.py:answer"}))[2]
    assert problem.fix.startswith(f"correct the syntax in {folder / 'bad.py'}, line ")


def test_a_finding_of_invalid_input_has_its_fix_once() -> None:
    def check() -> list[Finding]:
        suite_folder("suport_desk")
        return []

    (finding,) = findings_of("nope", check)
    assert (finding.message, finding.fix) == ("no suite 'suport_desk'", "did you mean 'support_desk'?")


def test_a_parameter_of_the_scaling_model_that_is_misspelt_is_suggested() -> None:
    with pytest.raises(InputError, match=r"--set: the model has no parameter 'secconds'\. Fix: did you mean 'seconds'"):
        Scenario.of({"secconds": "20"})


def test_the_help_of_the_store_names_its_variable(terminal: Terminal) -> None:
    assert "[default: EVAL_PIPELINE_STORE, or" in " ".join(terminal("run", "--help").stdout.split())


def test_a_column_of_labels_that_is_misspelt_is_suggested_once(terminal: Terminal, folder: Path) -> None:
    write_suite(folder)
    (folder / "labels.csv").write_text("case_id,asertion,label\nc1,contains,yes\nc1,contains,no\n")
    finished = terminal("agreement", folder, folder / "labels.csv")
    assert finished.code == 2
    assert finished.stderr.count("there is no column 'assertion'. Fix: did you mean 'asertion'?") == 1
