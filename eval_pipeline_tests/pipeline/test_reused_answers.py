"""Answers and scores are reused each by itself: an edit makes again exactly the calls whose outcome depends on it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.pipeline.reuse import ReusableAnswers, find_answers, find_reusable
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.result_log import ResultLog, read_all_rows
from eval_pipeline.results.result_row import result_of_row, row_of
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.case import Case
from eval_pipeline.targets.opening import target_version
from eval_pipeline_tests.analysis.stored import keep_experiment
from eval_pipeline_tests.building import a_suite, an_evaluator
from eval_pipeline_tests.suite.code.test_suite_modules import write

LOG = """
from pathlib import Path
def log(text):
    with (Path(__file__).parent / "calls.txt").open("a") as calls:
        calls.write(text + "\\n")
"""
FILES = {
    "logged.py": LOG,
    "agent.py": "from logged import log\ndef answer(message):\n    log('target')\n    return message.upper()\n",
    "asks.py": "from logged import log\ndef answer(message, case):\n    log('target')\n    return str(case['tags'])\n",
    "checks.py": "from logged import log\ndef polite(response):\n    log('polite')\n    return True\n",
    "evs.py": (
        "from logged import log\n"
        "def correct(outputs, reference_outputs):\n    log('correct')\n    return outputs['response'] == 'A'\n"
        "def calls(run):\n    log('calls')\n    return bool(run.child_runs)\n"
        "def by_position(root_run, example):\n    log('by_position')\n    return True\n"
    ),
}
POLITE = {"type": "python", "path": "checks.py:polite"}
CORRECT = {"type": "evaluator", "path": "evs.py:correct"}
CONTAINS = {"type": "contains", "value": "A"}
CASES: Sequence[Mapping[str, Any]] = [
    {"id": "a", "input": "a", "assertions": [POLITE], "reference": {"answer": "A"}},
    {"id": "b", "turns": [{"input": "b", "assertions": [POLITE]}, {"input": "c"}]},
]
SUITE: Mapping[str, Any] = {
    "target": {"kind": "python", "path": "agent.py:answer"},
    "assertions": [CORRECT, CONTAINS],
}


class Experiments:
    """Experiments of one suite, one after the other, each reusing what it can."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = write(folder, FILES), LocalStore(folder.parent / "store")
        self.suite, self.cases = dict(SUITE), [dict(case) for case in CASES]
        self.number = 0

    async def next(self) -> tuple[list[CaseResult], Counter[str]]:
        """The results of the next experiment, and the calls that it took."""
        self.number += 1
        calls = self.folder / "calls.txt"
        calls.write_text("")
        suite = a_suite(self.folder, **self.suite)
        cases = [Case.model_validate(case) for case in self.cases]
        made = an_evaluator(suite)
        pins = replace(made.pins, experiment=f"e{self.number}", target_version=target_version(suite))
        evaluator = replace(made, pins=pins)
        record = keep_experiment(self.store, pins.experiment, [], day=self.number, cases=cases)
        attempts = [attempt for case in cases for attempt in evaluator.attempts(case, None)]
        whole = find_reusable(
            self.store, record, {(each.case.id, each.number): evaluator.fingerprint(each.case) for each in attempts}
        )
        left = [each for each in attempts if (each.case.id, each.number) not in whole.attempts]
        answers: ReusableAnswers = find_answers(self.store, record, evaluator, left)
        results = [*whole.results(), *[await evaluator.evaluate(attempt) for attempt in answers]]
        assert len(results) == len(attempts)
        ResultLog(self.store, suite="sample", experiment=pins.experiment, writer="r").append(results)
        return sorted(results, key=lambda result: result.case_id), Counter(calls.read_text().split())


@pytest.fixture
def experiments(folder: Path) -> Iterator[Experiments]:
    return Experiments(folder)  # type: ignore[return-value]


def suite(**fields: Any) -> Callable[[Experiments], None]:
    return lambda experiments: experiments.suite.update(fields)


def case(index: int, **fields: Any) -> Callable[[Experiments], None]:
    return lambda experiments: experiments.cases[index].update(fields)


def edit(name: str) -> Callable[[Experiments], object]:
    return lambda experiments: write(experiments.folder, {name: FILES[name] + "# edited\n"})


EDITS: Mapping[str, tuple[Callable[[Experiments], object], dict[str, int]]] = {
    "nothing": (lambda _experiments: None, {}),
    "a new assertion": (suite(assertions=[CORRECT, CONTAINS, {**POLITE, "name": "again"}]), {"polite": 2}),
    "a removed assertion": (suite(assertions=[CONTAINS]), {}),
    "an edited assertion": (edit("checks.py"), {"polite": 2}),
    "an edited evaluator": (edit("evs.py"), {"correct": 2}),
    "another value": (suite(assertions=[CORRECT, {**CONTAINS, "value": "B"}]), {}),
    "another weight": (suite(assertions=[{**CORRECT, "weight": 0.5}, CONTAINS]), {}),
    "the order of assertions": (suite(assertions=[CONTAINS, CORRECT]), {}),
    "an assertion of a case": (case(1, assertions=[{**POLITE, "name": "in the end"}]), {"polite": 1}),
    "a reference": (case(0, reference={"answer": "B"}), {"polite": 1, "correct": 1}),
    "an input": (case(0, input="x"), {"target": 1, "polite": 1, "correct": 1}),
    "the agent": (edit("agent.py"), {"target": 3, "polite": 2, "correct": 2}),
    "a module of both": (edit("logged.py"), {"target": 3, "polite": 2, "correct": 2}),
    "an evaluator of runs": (
        suite(assertions=[CORRECT, CONTAINS, {"type": "evaluator", "path": "evs.py:calls"}]),
        {"target": 3, "polite": 2, "correct": 2, "calls": 2},
    ),
    "an evaluator by position": (
        suite(assertions=[CORRECT, CONTAINS, {"type": "evaluator", "path": "evs.py:by_position"}]),
        {"target": 3, "polite": 2, "correct": 2, "by_position": 2},
    ),
}


@pytest.mark.parametrize("kind", EDITS)
async def test_an_edit_costs_the_calls_that_depend_on_it(experiments: Experiments, kind: str) -> None:
    changes, calls = EDITS[kind]
    await experiments.next()
    changes(experiments)
    reused, made = await experiments.next()
    assert made == calls
    experiments.store = LocalStore(experiments.folder.parent / "empty")
    anew, _ = await experiments.next()
    # What is reused is what would have been made.
    assert [scored(result) for result in reused] == [scored(result) for result in anew]


def scored(result: CaseResult) -> Any:
    scores = [(each.name, each.turn, each.passed, each.score, each.weight, each.message) for each in result.assertions]
    turns = [(turn.input, turn.response, turn.outputs) for turn in result.turns]
    return result.case_id, result.status, result.score, scores, turns, result.answer_fingerprint


async def test_rows_say_where_an_answer_and_each_score_come_from(experiments: Experiments) -> None:
    first, _ = await experiments.next()
    suite(assertions=[CORRECT, CONTAINS, {**POLITE, "name": "second"}])(experiments)
    second, _ = await experiments.next()
    suite(assertions=[CORRECT, CONTAINS, {**POLITE, "name": "third"}])(experiments)
    third, _ = await experiments.next()
    assert [result.answer_from and result.answer_from.experiment for result in (*first, *second, *third)] == [
        *(None, None),
        *("e1", "e1", "e1", "e1"),
    ]
    assert {each.name: each.reused_from for each in third[0].assertions} == {
        "correct": "e1",
        "contains": "e1",
        "third": None,
        "polite": "e1",
    }
    stored = [result_of_row(row) for row in read_all_rows(experiments.store, "sample", "e3").to_pylist()]
    assert stored[0].answer_from is not None
    assert row_of(stored[0])["assertions"][0]["version"] == third[0].assertions[0].version
    assert [result.usage.target.cost_usd for result in third] == [0.0, 0.0]
    assert [result.latency_s for result in third] == [result.latency_s for result in first]


async def test_a_target_that_is_given_the_case_is_asked_again_when_a_tag_changes(experiments: Experiments) -> None:
    suite(target={"kind": "python", "path": "asks.py:answer"})(experiments)
    await experiments.next()
    case(0, tags=["new"])(experiments)
    assert (await experiments.next())[1]["target"] == 1


async def test_a_changed_tag_costs_nothing_where_the_target_does_not_see_it(experiments: Experiments) -> None:
    suite(assertions=[CONTAINS])(experiments)
    experiments.cases = [{**each, "assertions": []} for each in experiments.cases[:1]]
    await experiments.next()
    case(0, tags=["new"])(experiments)
    results, calls = await experiments.next()
    assert (calls, results[0].tags) == ({}, ("new",))


async def test_a_redacted_answer_is_not_scored_again(experiments: Experiments) -> None:
    """What was taken out of it may be what an assertion looks for."""
    case(0, input="write to ann.smith@example.com")(experiments)
    await experiments.next()
    assert (await experiments.next())[1] == {}
    suite(assertions=[CORRECT, CONTAINS, {**CONTAINS, "value": "@", "name": "at"}])(experiments)
    results, calls = await experiments.next()
    assert calls["target"] == 1
    assert [each.passed for each in results[0].assertions if each.name == "at"] == [True]


async def test_an_assertion_that_broke_is_carried_out_again_on_the_same_answer(
    experiments: Experiments, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = FILES["checks.py"].replace("    return", "    assert not os.environ.get('BROKEN')\n    return")
    write(experiments.folder, {"checks.py": f"import os\n{code}"})
    monkeypatch.setenv("BROKEN", "1")
    broken, _ = await experiments.next()
    assert broken[0].status == "error"
    monkeypatch.delenv("BROKEN")
    results, calls = await experiments.next()
    assert calls == {"polite": 2}
    assert results[0].error is None
