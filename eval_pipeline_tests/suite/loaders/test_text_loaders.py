"""Cases in YAML, JSONL and CSV: what people and their tools really write."""

import json
from pathlib import Path

import pytest

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline.suite.loaders.yaml_cases import load_yaml_cases
from eval_pipeline_tests.building import a_suite


def cases_in(folder: Path, name: str, content: str | bytes) -> tuple[Case, ...]:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return load_dataset(a_suite(folder, cases=name)).cases


def problems_in(folder: Path, name: str, content: str | bytes) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        cases_in(folder, name, content)
    return list(caught.value.problems)


def test_yaml_is_a_list_of_cases(folder: Path) -> None:
    cases = cases_in(folder, "c.yaml", "- id: 0\n  input: hi\n- {id: b, input: ho, tags: [x]}\n")
    assert [(case.id, case.tags) for case in cases] == [("0", ()), ("b", ("x",))]


def test_yaml_defaults_apply_where_a_case_has_no_value(folder: Path) -> None:
    text = "defaults: {split: dev, tags: [t]}\ncases:\n  - {id: a, input: x}\n  - {id: b, input: x, split: test}\n"
    assert [(case.split, case.tags) for case in cases_in(folder, "c.yml", text)] == [("dev", ("t",)), ("test", ("t",))]


def test_defaults_without_anything_are_no_defaults(folder: Path) -> None:
    assert len(cases_in(folder, "c.yaml", "defaults:\ncases:\n  - {id: a, input: x}\n")) == 1


@pytest.mark.parametrize("text", ["", "a: 1\n", "just text\n", "cases:\n"])
def test_yaml_of_another_shape_is_refused_with_the_shape_asked_for(folder: Path, text: str) -> None:
    (problem,) = problems_in(folder, "c.yaml", text)
    assert (problem.message, problem.file) == ("not a list of cases", folder / "c.yaml")


@pytest.mark.parametrize(("name", "text"), [("c.yaml", "[]"), ("c.jsonl", "\n\n"), ("c.csv", "id,input\n")])
def test_a_file_without_cases_is_refused(folder: Path, name: str, text: str) -> None:
    assert [problem.message for problem in problems_in(folder, name, text)] == ["the suite has no cases"]


def test_a_mistake_in_yaml_names_file_line_case_field_and_fix(folder: Path) -> None:
    text = "- id: a\n  input: x\n- id: b\n  turns:\n    - user: hi\n      assertions:\n        - type: contains\n"
    text += "          valu: x\n"
    problems = problems_in(folder, "c.yaml", text)
    unknown = next(problem for problem in problems if "'valu'" in problem.message)
    assert (unknown.line, unknown.case, unknown.field) == (8, "b", "turns[0].assertions[0].valu")
    assert unknown.fix == "did you mean 'value'?"
    assert all(problem.file == folder / "c.yaml" for problem in problems)


def test_each_yaml_case_knows_the_lines_of_its_own_parts_only(folder: Path) -> None:
    file = folder / "c.yaml"
    file.write_text("cases:\n" + "".join(f"- id: c{n}\n  input: x\n" for n in range(3)))
    assert [dict(raw.lines) for raw in load_yaml_cases(file)] == [
        {(): 2 + 2 * n, ("id",): 2 + 2 * n, ("input",): 3 + 2 * n} for n in range(3)
    ]


def test_jsonl_may_have_a_mark_windows_endings_spaces_and_empty_lines(folder: Path) -> None:
    text = '\ufeff{"id": "a", "input": "x"}  \r\n\r\n   \r\n{"id": 2, "input": "grüß"}\t\r\n'
    assert [(case.id, case.turns[0].text) for case in cases_in(folder, "c.jsonl", text)] == [("2", "grüß"), ("a", "x")]


def test_every_line_that_is_not_json_is_reported_and_the_others_are_still_checked(folder: Path) -> None:
    text = '{"id": "a"}\n{oops}\n{"id": "b", "input": "x"}\n5\n{"id": \n'
    assert sorted(problem.line or 0 for problem in problems_in(folder, "c.jsonl", text)) == [1, 2, 4, 5]


def test_csv_columns_become_the_fields_of_a_case(folder: Path) -> None:
    assertions = json.dumps([{"type": "contains", "value": "x"}]).replace('"', '""')
    text = (
        "id,input,tags,reference.answer,metadata.source,assertions,split\n"
        f'1,"hi, you", a ; b;,42,web,"{assertions}",dev\n2,ho,,,,,\n'
    )
    first, second = cases_in(folder, "c.csv", text)
    assert first.turns[0].text == "hi, you"
    assert (first.tags, first.reference, first.metadata) == (("a", "b"), {"answer": "42"}, {"source": "web"})
    assert (first.assertions[0].type, first.split) == ("contains", "dev")
    assert (second.split, second.tags, second.reference) == ("base", (), {})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_csv_as_excel_writes_it_is_read(folder: Path, encoding: str, ending: str) -> None:
    text = ending.join(["id,input", "a,grüß dich", "b,x", ""])
    assert [case.id for case in cases_in(folder, "c.csv", text.encode(encoding))] == ["a", "b"]


def test_a_missing_csv_column_is_reported_with_those_that_are_there(folder: Path) -> None:
    (problem,) = problems_in(folder, "c.csv", "id;input\na;b\n")
    assert problem.message == "column id, input is missing"
    assert "columns found: id;input" in problem.fix


def test_a_csv_mistake_names_the_line_where_the_row_begins(folder: Path) -> None:
    text = 'id,input\na,"two\nlines"\n\n"b,b","also\ntwo"\n'
    (problem,) = problems_in(folder, "c.csv", text)
    assert (problem.line, problem.case) == (5, "b,b")


def test_a_csv_row_with_too_many_cells_is_refused(folder: Path) -> None:
    problems = problems_in(folder, "c.csv", "id,input\na,x\nb,hi, you\n")
    assert [(problem.line, problem.fix) for problem in problems] == [(3, "quote cells that hold commas")]


def test_a_csv_cell_that_must_be_json_and_is_not_is_reported_with_its_column(folder: Path) -> None:
    (problem,) = problems_in(folder, "c.csv", "id,input,assertions\na,x,contains\n")
    assert (problem.case, problem.field, problem.line) == ("a", "assertions", 2)


def test_csv_that_cannot_be_parsed_is_refused_in_one_line(folder: Path) -> None:
    (problem,) = problems_in(folder, "c.csv", "id,input\na,x" + "y" * 200_000 + "\n")
    assert "not readable as CSV" in problem.message


@pytest.mark.parametrize("name", ["c.yaml", "c.jsonl", "c.csv"])
def test_bytes_that_are_not_utf8_are_a_problem_of_the_file(folder: Path, name: str) -> None:
    (problem,) = problems_in(folder, name, b"id,input\na,\xff\xfe\n")
    assert problem.file == folder / name
    assert "UTF-8" in problem.fix
