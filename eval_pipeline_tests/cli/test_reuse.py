"""`reuse: unchanged`: what a result depends on decides whether it is reused, and nothing else does."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import eval_pipeline.suites.support_desk
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.opening import open_store
from eval_pipeline_tests.cli.terminal import Terminal

CASES = 50
CHANGED = [f"c{number:02d}" for number in range(0, CASES, 5)]


def _counted_suite(folder: Path) -> Path:
    """A suite whose agent repeats its input, and writes it down."""
    folder.mkdir()
    cases = [_case(f"c{number:02d}", "old") for number in range(CASES)]
    (folder / "cases.yaml").write_text(yaml.safe_dump(cases))
    target = {"kind": "python", "path": "agent.py:answer"}
    (folder / "suite.yaml").write_text(yaml.safe_dump({"name": "echo", "cases": "cases.yaml", "target": target}))
    (folder / "agent.py").write_text(
        "def answer(message):\n"
        f"    with open({str(folder / 'calls')!r}, 'a') as calls:\n"
        "        calls.write(message + '\\n')\n"
        "    return message\n"
    )
    return folder


def _case(case_id: str, text: str, expected: str | None = None) -> dict[str, Any]:
    asserted = {"type": "equals", "value": f"{case_id} {expected or text}"}
    return {"id": case_id, "input": f"{case_id} {text}", "reference": {"answer": text}, "assertions": [asserted]}


def _calls(folder: Path) -> list[str]:
    file = folder / "calls"
    calls = sorted(file.read_text().splitlines()) if file.exists() else []
    file.unlink(missing_ok=True)
    return calls


def test_changed_input_and_reference_under_the_same_ids_are_evaluated_and_nothing_else(
    terminal: Terminal, tmp_path: Path
) -> None:
    """Ten of fifty cases change in place; of them three now expect what the agent does not say."""
    folder = _counted_suite(tmp_path / "echo")
    assert terminal("run", folder, "--json").document["pass_rate"] == 1.0
    assert len(_calls(folder)) == CASES
    cases = [_case(f"c{number:02d}", "old") for number in range(CASES)]
    wrong = set(CHANGED[:3])
    cases = [
        _case(case["id"], "new", "another" if case["id"] in wrong else None) if case["id"] in CHANGED else case
        for case in cases
    ]
    (folder / "cases.yaml").write_text(yaml.safe_dump(cases))

    again = terminal("run", folder, "--json", "--reuse", "unchanged")

    assert _calls(folder) == [f"{case_id} new" for case_id in CHANGED]
    assert again.document["pass_rate"] == pytest.approx((CASES - 3) / CASES)
    assert (again.document["attempts"], again.document["carried"]) == (CASES, CASES - len(CHANGED))
    terminal("run", folder, "--json", "--reuse", "never")
    assert len(_calls(folder)) == CASES


def test_what_was_reused_before_is_reused_with_its_origin(terminal: Terminal, store: Path, tmp_path: Path) -> None:
    folder = _counted_suite(tmp_path / "echo")
    first = terminal("run", folder, "--json").document["experiment"]
    (folder / "suite.yaml").write_text((folder / "suite.yaml").read_text() + "evaluation: {reuse: unchanged}\n")
    for _ in range(2):
        last = terminal("run", folder, "--json").document["experiment"]

    rows = read_results(open_store(str(store)), "echo", last).to_pylist()
    assert {row["carried_from"]["experiment"] for row in rows} == {first}
    assert {row["experiment"] for row in rows} == {last}
    assert len(_calls(folder)) == CASES


def test_results_with_an_error_are_not_reused(terminal: Terminal, tmp_path: Path) -> None:
    folder = _counted_suite(tmp_path / "echo")
    agent = (folder / "agent.py").read_text()
    suite = yaml.safe_load((folder / "suite.yaml").read_text())
    # The version is given, so that mending the agent leaves the fingerprints as they are.
    suite["target"]["version"] = "1"
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    (folder / "agent.py").write_text(
        agent + "\n" + "sound = answer\ndef answer(message):\n"
        f"    if 'c07' in message and not __import__('os').path.exists({str(folder / 'mended')!r}):\n"
        "        raise RuntimeError\n"
        "    return sound(message)\n"
    )
    terminal("run", folder)
    (folder / "mended").touch()
    _calls(folder)

    terminal("run", folder, "--reuse", "unchanged")

    assert _calls(folder) == ["c07 old"]


def _desk(tmp_path: Path) -> Path:
    """The suite that ships, in a folder where it can be edited, with a few of its cases."""
    folder = tmp_path / "desk"
    shutil.copytree(Path(eval_pipeline.suites.support_desk.__file__).parent, folder)
    suite = yaml.safe_load((folder / "suite.yaml").read_text())
    suite["target"]["path"] = "agent.py:build_agent"
    suite["cases"] = ["cases/orders.yaml"]
    suite["evaluation"]["reuse"] = "unchanged"
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    document = yaml.safe_load((folder / "cases" / "orders.yaml").read_text())
    document["cases"] = document["cases"][:8]
    (folder / "cases" / "orders.yaml").write_text(yaml.safe_dump(document))
    return folder


def test_one_changed_case_of_support_desk_is_evaluated_and_a_changed_agent_evaluates_all(
    terminal: Terminal, store: Path, tmp_path: Path
) -> None:
    folder = _desk(tmp_path)

    def evaluated() -> list[str]:
        finished = terminal("run", folder, "--json")
        assert finished.stdout, finished.stderr
        rows = read_results(open_store(str(store)), "support_desk", finished.document["experiment"]).to_pylist()
        assert len(rows) == 8
        return [row["case_id"] for row in rows if row["carried_from"] is None]

    assert len(evaluated()) == 8
    file = folder / "cases" / "orders.yaml"
    document = yaml.safe_load(file.read_text())
    document["cases"][2]["input"] += " Please be quick."
    file.write_text(yaml.safe_dump(document))
    assert evaluated() == [document["cases"][2]["id"]]

    agent = folder / "agent.py"
    assert 'PROMPT = f"""' in agent.read_text()
    agent.write_text(agent.read_text().replace('PROMPT = f"""', 'PROMPT = f"""Be brief. '))
    assert len(evaluated()) == 8
