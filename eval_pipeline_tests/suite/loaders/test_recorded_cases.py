"""Recorded conversations: grouped by case into attempts, and the errors where they do not fit."""

import json
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline_tests.building import a_suite

SAID = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]


def cases_in(folder: Path, items: Any, **source: Any) -> tuple[Case, ...]:
    (folder / "r.json").write_text(json.dumps(items))
    return load_dataset(a_suite(folder, cases={"recorded": "r.json", **source})).cases


def problems_in(folder: Path, items: Any, **source: Any) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        cases_in(folder, items, **source)
    return list(caught.value.problems)


def test_conversations_with_one_id_are_attempts_at_one_case(folder: Path) -> None:
    items = [{"id": 0, "messages": SAID}, {"id": 1, "messages": SAID}, {"id": 0, "messages": SAID}]
    assert [(case.id, len(case.recordings)) for case in cases_in(folder, items)] == [("0", 2), ("1", 1)]


def test_attempts_are_in_the_order_of_the_file_unless_one_is_given(folder: Path) -> None:
    items = [{"id": 1, "trial": n, "messages": SAID} for n in (2, 0, None, 1, 10)]
    (in_file,) = cases_in(folder, items, data={"n": "trial"})
    (in_order,) = cases_in(folder, items, data={"n": "trial"}, attempt="trial")
    assert [recording.data["n"] for recording in in_file.recordings] == [2, 0, None, 1, 10]
    assert [recording.data["n"] for recording in in_order.recordings] == [0, 1, 2, 10, None]


def test_everything_is_found_by_jmespath(folder: Path) -> None:
    item = {"task": {"id": 7, "want": {"a": 1}}, "log": {"messages": SAID}, "score": 0.0, "split": "test", "kind": "k"}
    (case,) = cases_in(
        folder,
        [item],
        id="task.id",
        messages="log.messages",
        split="split",
        tags="[kind]",
        reference={"want": "task.want"},
        metadata={"none": "no.such"},
        data={"reward": "score"},
    )
    assert (case.id, case.split, case.tags) == ("7", "test", ("k",))
    assert (case.reference, case.metadata) == ({"want": {"a": 1}}, {"none": None})
    assert case.recordings[0].data == {"reward": 0.0}


def test_messages_have_any_form_and_an_unknown_one_is_refused_by_name(folder: Path) -> None:
    pairs = [["user", "hi"], {"type": "ai", "content": "ho"}]
    (case,) = cases_in(folder, [{"id": "a", "messages": pairs}])
    assert case.recordings[0].messages == ({"role": "user", "content": "hi"}, {"type": "ai", "content": "ho"})
    (problem,) = problems_in(folder, [{"id": "a", "messages": [{"speaker": "me", "line": "hi"}]}])
    assert "item [0] is not a known form of messages: a mapping with 'speaker', 'line'" in problem.message
    assert (problem.case, problem.field) == ("a", "recordings[0].messages")


def test_jsonl_is_read_by_lines_with_or_without_a_mark(folder: Path) -> None:
    line = json.dumps({"id": "a", "messages": SAID})
    (folder / "r.jsonl").write_text(f"\ufeff{line}\r\n\r\n{line}\r\n", encoding="utf-8")
    (case,) = load_dataset(a_suite(folder, cases={"recorded": "r.jsonl"})).cases
    assert len(case.recordings) == 2


def test_attempts_that_disagree_on_what_the_case_is_are_reported_by_field(folder: Path) -> None:
    items = [{"id": "a", "messages": SAID, "want": want, "split": "dev"} for want in (1, 2)]
    (problem,) = problems_in(folder, items, reference={"want": "want"}, split="split")
    assert (problem.case, problem.field, problem.message) == (
        "a",
        "reference",
        "the attempts at this case have different values",
    )


def test_an_item_without_id_or_messages_is_reported_by_its_place_with_the_expression(folder: Path) -> None:
    items = [{"id": "a"}, {"messages": SAID}, "text", {"id": "b", "messages": "text"}, {"id": "c", "messages": SAID}]
    problems = problems_in(folder, items)
    assert [problem.message for problem in problems] == [
        "item [0] has no list of messages",
        "item [1] has no id",
        "item [2] has no id",
        "item [3] has no list of messages",
    ]
    assert "'messages'" in problems[0].fix


def test_an_expression_that_fails_on_an_item_is_a_problem_of_that_item(folder: Path) -> None:
    items = [{"id": "a", "messages": SAID, "n": 1}, {"id": "b", "messages": SAID}]
    problems = problems_in(folder, items, data={"length": "length(n)"})
    causes = [problem.message.partition(":")[0] for problem in problems]
    assert causes == [f"item [{n}] cannot be searched" for n in (0, 1)]
    assert "length(n)" in problems[0].fix


def test_an_empty_conversation_is_refused(folder: Path) -> None:
    (problem,) = problems_in(folder, [{"id": "a", "messages": []}])
    assert (problem.case, problem.field) == ("a", "recordings[0].messages")


@pytest.mark.parametrize(("text", "message"), [("{", "not JSON"), ('{"a": 1}', "not a list of conversations")])
def test_a_file_that_is_no_list_of_conversations_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "r.json").write_text(text)
    with pytest.raises(InputError, match=message):
        load_dataset(a_suite(folder, cases={"recorded": "r.json"}))


def test_numbers_written_as_text_are_ordered_by_value(folder: Path) -> None:
    items = [{"id": 1, "trial": n, "messages": SAID} for n in ("10", "2", "last")]
    (case,) = cases_in(folder, items, data={"n": "trial"}, attempt="trial")
    assert [recording.data["n"] for recording in case.recordings] == ["2", "10", "last"]
