"""The table of docs/assertions.md: every example passes or fails as it says, and no assertion is missing."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from eval_pipeline.assertions.evaluators.transcript import openai_messages
from eval_pipeline.assertions.scope import Scope
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.results.case_result import TurnResult
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.spec.assertion import ASSERTIONS, AssertionExample
from eval_pipeline.suite.spec.judge import Judge
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.telemetry.event import Event
from eval_pipeline.testing.openai_server import openai_server
from eval_pipeline_tests.building import a_call, a_case, a_context, a_scope, a_turn, results_of

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text() + (ROOT / "docs" / "assertions.md").read_text()
_ROW = re.compile(r"^\| `(\{type: .*?\})` \| `(.*?)` \| `(.*?)` \|$", re.MULTILINE)
ROWS = [(row[1], row[2], row[3]) for row in _ROW.finditer(README)]
JUDGE = "eval_pipeline.suites.support_desk.offline_model:OfflineChatModel"


@pytest.fixture(scope="module")
def my_suite(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SharedContext]:
    folder = tmp_path_factory.mktemp("readme") / "my_suite"
    folder.mkdir()
    for name, text in re.findall(r"```(?:yaml|python)\n# my_suite/(\S+)\n(.*?)```", README, re.DOTALL):
        (folder / name).write_text(text)
    (table,) = re.findall(r"```csv\n(.*?)```", README, re.DOTALL)
    (folder / "prices.csv").write_text(table)
    suite = read_suite(folder)
    return folder, a_context(suite, LocalStore(folder.parent / "store"))


def a_usage(example: Mapping[str, Any]) -> Iterator[Event]:
    if "tokens" in example:
        cost = {"cost_usd": example["cost_usd"]} if "cost_usd" in example else {}
        yield {"type": "usage", "input_tokens": example["tokens"], "output_tokens": 0, **cost}


def turns_of(example: Any) -> list[TurnResult]:
    """What a cell of the table says the target did."""
    if not isinstance(example, Mapping):
        return [a_turn(str(example))]
    documents = [{"id": name, "text": text} for name, text in example.get("documents", {}).items()]
    retrieved = [{"type": "retrieval", "name": "search", "args": {}, "content": documents}] if documents else []
    if "answers" in example:
        return [a_turn(text, *retrieved, index=index) for index, text in enumerate(example["answers"])]
    calls = [({call: {}} if isinstance(call, str) else call) for call in example.get("calls", ())]
    events = [a_call(name, **args) for call in calls for name, args in call.items()]
    events += [{"type": "handoff", "from": "agent", "to": agent} for agent in example.get("handoffs", ())]
    turn = a_turn("done", *retrieved, *events, *a_usage(example))
    return [TurnResult(**{**vars(turn), "latency_s": example.get("latency_s", 0.0)})]


def scope_of(cell: str, folder: Path, context: SharedContext) -> Scope:
    turns = turns_of(yaml.safe_load(cell) if cell[0] in "{'" else cell)
    case = a_case(reference={"answer": "the reference"})
    return a_scope(*turns, case=case, context=context, folder=folder, judge_model=JUDGE)


def test_the_judge_shown_is_one_that_can_be_written() -> None:
    (text,) = re.findall(r"```yaml\n(judge:\n.*?)```", README, re.DOTALL)
    judge = Judge.model_validate(yaml.safe_load(text)["judge"])
    assert len(judge.models) == 2


def test_the_evaluators_shown_do_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = re.findall(r"```yaml\n(- type: evaluator\n.*?)```", README, re.DOTALL)
    trajectory, judged = yaml.safe_load(text)
    turn = a_turn("It is 5.", a_call("find", q="x"), a_call("say"))
    case = a_case(reference={"messages": openai_messages([a_turn("Five.", a_call("find", q="x"))])})
    (matched,) = asyncio.run(results_of(trajectory, a_scope(turn, case=case)))
    assert (matched.error, matched.name, matched.passed) == (None, "trajectory_superset_match", True)
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    with openai_server(lambda _: '{"reasoning": "Short.", "score": 0.9}') as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        (concise,) = asyncio.run(results_of(judged, a_scope(turn)))
    assert (concise.error, concise.score, concise.passed, concise.message) == (None, 0.9, True, "Short.")


def test_every_assertion_stands_in_the_table() -> None:
    assert [AssertionExample(*row) for row in ROWS] == [row for kind in ASSERTIONS.classes() for row in kind.examples]
    assert len(ROWS) == README.count("\n| `{type: ")


@pytest.mark.parametrize(("assertion", "passes", "fails"), ROWS, ids=[row[0][:50] for row in ROWS])
def test_its_examples_do_what_it_says(
    my_suite: tuple[Path, SharedContext], assertion: str, passes: str, fails: str
) -> None:
    folder, context = my_suite
    for cell, expected in ((passes, True), (fails, False)):
        (found,) = asyncio.run(results_of(yaml.safe_load(assertion), scope_of(cell, folder, context)))
        assert found.error is None, found.error.traceback
        assert found.passed is expected, (cell, found.message)


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:50] for row in ROWS])
def test_negated_they_do_the_opposite(my_suite: tuple[Path, SharedContext], row: tuple[str, str, str]) -> None:
    folder, context = my_suite
    assertion = {**yaml.safe_load(row[0]), "negate": True}
    (found,) = asyncio.run(results_of(assertion, scope_of(row[1], folder, context)))
    assert found.passed is False
