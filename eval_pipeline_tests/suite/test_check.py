"""`check_suite`: it reports every problem that a suite has before a run, at once."""

from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.errors import InputError
from eval_pipeline.suite.check import check_suite, require_sound
from eval_pipeline_tests.building import RECORDED, a_case, write_suite, written_suite

SAID = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]


def fields_of(folder: Path, **fields: Any) -> list[tuple[str | None, str | None]]:
    """Case and field of every problem found."""
    return [(problem.case, problem.field) for problem in check_suite(write_suite(folder, **fields))[2]]


def test_a_sound_suite_has_no_problems(folder: Path) -> None:
    suite, cases, problems = check_suite(write_suite(folder))
    assert suite is not None
    assert ([case.id for case in cases], problems) == (["c1"], [])


@pytest.mark.parametrize(
    "path",
    ["nowhere.at.all:x", "gone.py:x", "broken.py:x", "own.py:missing", "eval_pipeline.errors:Nope", "exits.py:x"],
)
@pytest.mark.parametrize("kind", ["python", "langgraph"])
def test_a_target_that_cannot_be_imported_is_reported(folder: Path, kind: str, path: str) -> None:
    (folder / "broken.py").write_text("1 / 0\n")
    (folder / "exits.py").write_text("import sys\nsys.exit(1)\n")
    (folder / "own.py").write_text("x = 1\n")
    assert fields_of(folder, target={"kind": kind, "path": path}) == [(None, "target.path")]


def test_files_that_are_not_there_are_reported(folder: Path) -> None:
    target = {"kind": "chat", "model": "openai:gpt-4o", "system_file": "prompt.md"}
    context = {"tables": {"a": {"file": "a.csv"}}, "documents": {"source": {"file": "d.json"}}}
    fields = fields_of(folder, target=target, context=context, evaluation={"prices": "prices.csv"})
    assert fields == [
        (None, "target.system_file"),
        (None, "context.tables.a.file"),
        (None, "context.documents.source.file"),
        (None, "evaluation.prices"),
    ]


def test_every_import_path_of_the_context_and_of_models_is_tried(folder: Path) -> None:
    retrieval = {"method": "embeddings", "model": "gone.py:e"}
    context = {
        "tables": {"a": {"python": "gone.py:t"}},
        "documents": {"source": {"python": "gone.py:d"}, "retrieval": retrieval},
        "patterns": [{"name": "p", "instruction": "i", "model": "gone.py:m"}],
    }
    fields = fields_of(
        folder, context=context, judge={"model": "gone.py:j"}, target={"kind": "chat", "model": "gone.py:c"}
    )
    assert {field for _, field in fields} == {
        "context.tables.a.python",
        "context.documents.source.python",
        "context.documents.retrieval.model",
        "context.patterns[0].model",
        "judge.model",
        "target.model",
    }


def test_assertions_of_suite_case_and_turn_are_checked_at_their_places(folder: Path) -> None:
    gone = {"type": "python", "path": "gone.py:x"}
    cases = [
        {"id": "a", "turns": [{"user": "x", "assertions": [gone]}]},
        {"id": "b", "input": "x", "assertions": [{"type": "llm_rubric", "value": "good"}]},
        {"id": "c", "input": "x", "assertions": [{"type": "llm_rubric", "value": "good", "model": "gone.py:judge"}]},
    ]
    fields = fields_of(folder, cases=cases, assertions=[{"type": "evaluator", "path": "gone.py:y"}])
    assert fields == [
        (None, "assertions[0].path"),
        ("a", "turns[0].assertions[0].path"),
        ("b", "assertions[0].model"),
        ("c", "assertions[0].model"),
    ]


def test_a_table_that_the_context_has_not_is_reported_with_those_it_has(folder: Path) -> None:
    (folder / "a.csv").write_text("id\n1\n")
    rule = {"type": "grounded_in_context", "results": [{"tool": "t", "table": "orders", "key": "id"}]}
    folder = write_suite(folder, context={"tables": {"a": {"file": "a.csv"}}}, assertions=[rule])
    (problem,) = check_suite(folder)[2]
    assert problem.message == "the shared context has no table 'orders'"
    assert "(a)" in problem.fix


def test_cases_and_target_must_fit(folder: Path) -> None:
    recording = {"id": "r", "recordings": [{"messages": SAID}], "assertions": [{"type": "contains", "value": "ho"}]}
    assert fields_of(folder, cases=[recording]) == [("r", "turns")]
    assert fields_of(folder, target=RECORDED) == [("c1", "recordings")]
    assert fields_of(folder, target=RECORDED, cases=[recording]) == []


def test_a_case_that_could_not_fail_is_reported_unless_the_suite_asserts_something(folder: Path) -> None:
    cases = [{"id": "a", "input": "x"}]
    assert fields_of(folder, cases=cases) == [("a", "assertions")]
    assert fields_of(folder, cases=cases, assertions=[{"type": "contains", "value": "x"}]) == []


def test_mistakes_in_suite_and_cases_are_reported_together(folder: Path) -> None:
    fields = fields_of(folder, extra=1, cases=[{"id": "a,b", "input": "x"}])
    assert fields == [(None, "extra"), ("a,b", "id")]


def test_a_suite_that_is_not_there_is_one_problem(folder: Path) -> None:
    suite, cases, problems = check_suite(folder / "gone")
    assert (suite, cases, len(problems)) == (None, [], 1)


def test_require_sound_raises_them_all(folder: Path) -> None:
    suite = written_suite(folder, judge={"model": "gone.py:j"})
    with pytest.raises(InputError) as caught:
        require_sound(suite, [a_case(assertions=[{"type": "python", "path": "gone.py:x"}])])
    assert len(caught.value.problems) == 2


def test_a_case_of_which_nothing_has_weight_could_not_fail_either(folder: Path) -> None:
    light = {"type": "contains", "value": "x", "weight": 0}
    cases = [{"id": "a", "input": "x", "assertions": [light]}]
    assert fields_of(folder, cases=cases, assertions=[light]) == [("a", "assertions")]
    assert fields_of(folder, cases=cases, assertions=[{**light, "weight": 1}]) == []


def test_an_embeddings_model_and_a_time_that_cannot_be_measured_are_reported(folder: Path) -> None:
    similar = {"type": "similarity", "value": "x", "model": "gone.py:e"}
    case = {"id": "c", "recordings": [{"messages": SAID}]}
    fields = fields_of(
        folder, target=RECORDED, cases=[case], assertions=[similar, {"type": "max_latency", "value": 1.0}]
    )
    assert fields == [(None, "assertions[0].model"), (None, "assertions[1].type")]


def test_judges_and_what_they_need_are_reported(folder: Path) -> None:
    prefers = {"type": "llm_preference", "value": "clearer", "over": "old", "model": ["gone.py:a", "openai:b"]}
    scores = {"type": "llm_score", "value": "clear"}
    judge = {"model": ["openai:a", "gone.py:j"], "corrections": {"file": "none.jsonl"}}
    cases = [{"id": "c", "input": "x", "assertions": [prefers, scores]}]
    expected = [
        (None, "judge.model"),
        (None, "judge.corrections.file"),
        ("c", "assertions[0].model"),
        ("c", "assertions[0].over"),
    ]
    assert fields_of(folder, judge=judge, cases=cases) == expected
    assert fields_of(folder, cases=[{"id": "c", "input": "x", "assertions": [scores]}]) == [
        ("c", "assertions[0].model")
    ]


def test_an_evaluator_of_a_whole_experiment_and_arguments_that_lead_nowhere_are_reported(folder: Path) -> None:
    (folder / "own.py").write_text("def summary(outputs, runs): return 1\ndef make(prompt): return summary\n")
    args = {"prompt": {"import": "own.py:NONE"}}
    evaluator = {"type": "evaluator", "path": "own.py:make", "factory": True, "args": args}
    fields = fields_of(folder, assertions=[{"type": "evaluator", "path": "own.py:summary"}, evaluator])
    assert fields == [(None, "assertions[0].path"), (None, "assertions[1].args")]
