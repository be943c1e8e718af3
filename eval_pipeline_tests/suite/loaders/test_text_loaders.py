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


def test_csv_columns_give_inputs_as_a_whole_or_one_for_each_key(folder: Path) -> None:
    text = 'id,inputs.question,inputs.audience,reference,state.x\na,why?,all,"{""n"": 1}",7\n'
    (case,) = cases_in(folder, "c.csv", text)
    assert (case.inputs, case.reference, case.state) == ({"question": "why?", "audience": "all"}, {"n": 1}, {"x": "7"})
    (whole,) = cases_in(folder, "d.csv", 'id,inputs\na,"{""question"": ""why?"", ""n"": 1}"\n')
    assert whole.inputs == {"question": "why?", "n": 1}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_csv_as_excel_writes_it_is_read(folder: Path, encoding: str, ending: str) -> None:
    text = ending.join(["id,input", "a,grüß dich", "b,x", ""])
    assert [case.id for case in cases_in(folder, "c.csv", text.encode(encoding))] == ["a", "b"]


def test_a_missing_csv_column_is_reported_with_those_that_are_there(folder: Path) -> None:
    (problem,) = problems_in(folder, "c.csv", "id:input\na:b\n")
    assert problem.message == "column id, input is missing"
    assert "columns found: id:input" in problem.fix


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
    (problem,) = problems_in(folder, "c.csv", 'id,input\na,"x" or y\nb,z\n')
    assert "not readable as CSV" in problem.message
    assert problem.line == 2


def test_a_csv_quote_that_is_never_closed_is_refused_at_the_row_that_opens_it(folder: Path) -> None:
    (problem,) = problems_in(folder, "c.csv", 'id,input\nq0,fine\nq1,"never closed\nq2,second\nq3,third\n')
    assert (problem.line, problem.message) == (3, "a quote that opens in this row is never closed")


def test_a_csv_quote_that_the_next_row_closes_is_refused(folder: Path) -> None:
    (problem,) = problems_in(folder, "c.csv", 'id,input\nq1,"open\nq2,"second"\nq3,third\n')
    assert problem.line == 2


def test_a_csv_column_that_is_given_twice_is_refused(folder: Path) -> None:
    (problem,) = problems_in(folder, "c.csv", "id,input,input\na,x,y\n")
    assert problem.message == "column input is given twice"


def test_a_csv_cell_may_be_as_long_as_it_is(folder: Path) -> None:
    (case,) = cases_in(folder, "c.csv", "id,input\na,x" + "y" * 200_000 + "\n")
    assert case.turns[0].text == "x" + "y" * 200_000


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_csv_of_another_separator_is_read(folder: Path, delimiter: str) -> None:
    text = f'id{delimiter}input{delimiter}tags\na{delimiter}"x{delimiter}y, z"{delimiter}"p;q"\n'
    (case,) = cases_in(folder, "c.csv", text)
    assert (case.turns[0].text, case.tags) == (f"x{delimiter}y, z", ("p", "q"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.csv", "id,input\na,grüß\n"),
        ("c.jsonl", '{"id": "a", "input": "grüß"}'),
        ("c.yaml", "- {id: a, input: grüß}"),
    ],
)
def test_utf16_is_read_where_a_mark_says_so_and_else_refused(folder: Path, name: str, text: str, encoding: str) -> None:
    content = text.encode(encoding)
    if encoding == "utf-16":
        assert cases_in(folder, name, content)[0].turns[0].text == "grüß"
    else:
        (problem,) = problems_in(folder, name, content)
        assert "UTF-8" in problem.fix


def test_a_key_that_a_json_object_has_twice_is_refused_at_its_line(folder: Path) -> None:
    text = '{"id": "a", "input": "x"}\n{"id": "b", "input": "x", "reference": {"n": 1, "n": 2}}\n'
    (problem,) = problems_in(folder, "c.jsonl", text)
    assert (problem.line, problem.message) == (2, "key 'n' is given twice; keep one of the two")


def test_a_key_that_a_json_cell_has_twice_is_refused(folder: Path) -> None:
    (problem,) = problems_in(folder, "c.csv", 'id,input,reference\na,x,"{""n"": 1, ""n"": 2}"\n')
    assert (problem.case, problem.field) == ("a", "reference")


def test_a_json_number_of_thousands_of_digits_is_refused_at_its_line(folder: Path) -> None:
    text = '{"id": "a", "input": "x", "reference": {"n": ' + "1" * 5000 + "}}\n"
    (problem,) = problems_in(folder, "c.jsonl", text)
    assert (problem.line, problem.message) == (1, "a number has too many digits")


@pytest.mark.parametrize("written", ["010", "007", "1_000", "1e3", "12e4567", "NO", "on", "0x1F"])
def test_an_id_without_quotes_stays_as_it_is_written(folder: Path, written: str) -> None:
    (case,) = cases_in(folder, "c.yaml", f"- {{id: {written}, input: {written}}}\n")
    assert (case.id, case.turns[0].text) == (written, written)


def test_a_reference_without_quotes_is_text_where_only_some_yaml_reads_a_boolean_or_a_number(folder: Path) -> None:
    text = "- {id: a, input: x, reference: {a: NO, b: 12:30, c: 010, d: off, e: 2024-05-01, f: 0.5, g: true}}\n"
    (case,) = cases_in(folder, "c.yaml", text)
    texts = {"a": "NO", "b": "12:30", "c": "010", "d": "off", "e": "2024-05-01"}
    assert case.reference == {**texts, "f": 0.5, "g": True}


@pytest.mark.parametrize("written", ["true", "1.50", "null"])
def test_what_is_no_text_is_refused_as_text_with_the_advice_to_quote_it(folder: Path, written: str) -> None:
    fixes = [problem.fix for problem in problems_in(folder, "c.yaml", f"- {{id: {written}, input: x}}\n")]
    fixes += [problem.fix for problem in problems_in(folder, "c.yaml", f"- {{id: a, input: x, split: {written}}}\n")]
    assert [fix[:18] for fix in fixes] == ["write it in quotes"] * 2


@pytest.mark.parametrize("name", ["c.yaml", "c.jsonl", "c.csv"])
def test_bytes_that_are_not_utf8_are_a_problem_of_the_file(folder: Path, name: str) -> None:
    (problem,) = problems_in(folder, name, b"id,input\na,\xff\xfe\n")
    assert problem.file == folder / name
    assert "UTF-8" in problem.fix
