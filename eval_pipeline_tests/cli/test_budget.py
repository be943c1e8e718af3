"""A run that its budget cut short: no pass, no baseline, and going on with it makes what is left."""

from pathlib import Path

import dagster as dg
import pytest

from eval_pipeline_tests.cli.terminal import Terminal

CASES = 6
AGENT = """\
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

USED = {"input_tokens": 8, "output_tokens": 2, "total_tokens": 10}


def answer(message):
    answer = AIMessage(message, usage_metadata=USED)
    return GenericFakeChatModel(messages=iter([answer])).invoke(message).content
"""
SUITE = """\
name: shop
cases: cases.yaml
target: {kind: python, path: "agent.py:answer"}
evaluation: {max_concurrency: 1, max_tokens: 25}
gates: {min_pass_rate: 1.0}
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Six cases of ten tokens, of which a run may use 25."""
    folder = tmp_path / "shop"
    folder.mkdir()
    cases = [f'- {{id: "c{n}", input: "{n}", assertions: [{{type: equals, value: "{n}"}}]}}\n' for n in range(CASES)]
    for name, text in {"suite.yaml": SUITE, "agent.py": AGENT, "cases.yaml": "".join(cases)}.items():
        (folder / name).write_text(text)
    return folder


def test_a_run_cut_short_by_its_budget_is_no_pass_until_the_rest_is_made(terminal: Terminal, suite: Path) -> None:
    cut_short = terminal("run", suite)
    assert cut_short.code == 1
    assert "3 passed" in cut_short.stdout
    assert "gate max_skipped: failed, 3 of 6 attempts were skipped" in " ".join(cut_short.stdout.split())
    with dg.DagsterInstance.get() as instance:
        key = dg.AssetCheckKey(dg.AssetKey(["shop", "experiment_summary"]), "max_skipped")
        record = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)[0]
    assert record.status.value == "FAILED"

    done = terminal("run", suite, "--resume", "--json")
    assert done.code == 0, done.stderr
    assert done.document["status_counts"] == {"passed": CASES}
    assert [gate["name"] for gate in done.document["gates"] if not gate["passed"]] == []


def test_what_was_cut_short_is_no_baseline(terminal: Terminal, suite: Path) -> None:
    assert terminal("run", suite).code == 1
    assert terminal("run", suite, "--json").document["comparison"] is None


def test_a_suite_may_say_how_much_may_be_left(terminal: Terminal, suite: Path) -> None:
    (suite / "suite.yaml").write_text(SUITE.replace("min_pass_rate: 1.0", "min_pass_rate: 1.0, max_skipped: 0.5"))
    assert terminal("run", suite).code == 0
