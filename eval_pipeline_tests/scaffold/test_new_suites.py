"""New suites of every beginning are valid, and what a beginning has no counterpart for is named."""

from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.errors import InputError
from eval_pipeline.scaffold.new_suite import NewSuite, dataset_suite, graph_suite, offline_suite, runs_suite
from eval_pipeline.scaffold.promptfoo import promptfoo_suite
from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.documents.yaml_document import read_yaml
from eval_pipeline.suite.import_path import nothing_imported
from eval_pipeline_tests.suite.editor_schemas import validate_cases, validate_suite, validator_for

PROMPTFOO = """
prompts: ["Answer {{question}} for {{name}}", "another"]
providers: ["openai:chat:gpt-4o-mini", "anthropic:messages:claude-3"]
defaultTest: {vars: {name: Bob}, assert: [{type: not-contains, value: sorry}]}
tests:
  - description: Greets by name
    vars: {question: hello}
    assert:
      - {type: icontains, value: "{{name}}"}
      - {type: contains-any, value: [a, b.c]}
      - {type: llm-rubric, value: polite, weight: 2}
      - {type: latency, threshold: 5000}
      - {type: javascript, value: "output.length"}
  - {description: Greets by name, vars: {question: 2}, options: {x: 1}, assert: [{type: is-json}]}
sharing: true
"""


@pytest.fixture
def promptfoo(tmp_path: Path) -> NewSuite:
    (tmp_path / "promptfooconfig.yaml").write_text(PROMPTFOO)
    return promptfoo_suite(tmp_path / "evals", tmp_path / "promptfooconfig.yaml")


def suites(folder: Path) -> dict[str, NewSuite]:
    run = {"id": "imported-1", "input": "why?", "assertions": [{"type": "regex", "value": r"\S"}], "tags": ["imported"]}
    return {
        "offline": offline_suite(folder),
        "graph": graph_suite(folder, "agent:graph"),
        "runs": runs_suite(folder, [run]),
        "dataset": dataset_suite(folder, "support: questions", references=["text"]),
    }


@pytest.mark.parametrize("name", ["offline", "graph", "runs", "dataset", "promptfoo"])
def test_a_new_suite_is_valid_by_its_models_and_by_its_schema(tmp_path: Path, promptfoo: NewSuite, name: str) -> None:
    suite = promptfoo if name == "promptfoo" else suites(tmp_path / "2nd evals")[name]
    written = suite.write()
    assert suite.folder / "test_suite.py" in written
    if name != "dataset":  # whose cases are on a server
        with nothing_imported():
            _, _, problems = check_suite(suite.folder)
        assert problems == []
    validate_suite(read_yaml(suite.folder / "suite.yaml").data)
    if name != "dataset":
        validate_cases(read_yaml(suite.folder / "cases.yaml").data)
    first = (suite.folder / "suite.yaml").read_text().splitlines()[0]
    schema = suite.folder / first.partition("$schema=")[2]
    assert schema.is_file()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text("mine")
    with pytest.raises(InputError, match=r"cases\.yaml: the file exists already"):
        offline_suite(tmp_path).write()
    assert [file.name for file in tmp_path.iterdir()] == ["cases.yaml"]


def test_tests_of_promptfoo_become_cases_and_what_was_left_out_is_named(promptfoo: NewSuite) -> None:
    first, second = promptfoo.cases
    assert (first["id"], second["id"]) == ("greets-by-name", "greets-by-name-2")
    assert first["input"] == "Answer hello for Bob"
    assert first["assertions"] == [
        {"type": "contains", "value": "sorry", "negate": True},
        {"type": "icontains", "value": "Bob"},
        {"type": "regex", "value": r"a|b\.c"},
        {"type": "llm_rubric", "value": "polite", "weight": 2},
        {"type": "max_latency", "value": 5.0},
    ]
    assert promptfoo.target == {"kind": "chat", "model": "openai:gpt-4o-mini"}
    assert promptfoo.further == {"judge": {"model": "openai:gpt-4o-mini"}}
    for part in ("'sharing'", "1 further prompt;", "anthropic:messages:claude-3", "'javascript'", "'options'"):
        assert any(part in note for note in promptfoo.notes), part


@pytest.mark.parametrize("text", ["tests: file.csv\n", "just text\n", "prompts: [x]\n"])
def test_a_configuration_without_a_list_of_tests_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(InputError, match="it has no list of tests"):
        promptfoo_suite(tmp_path / "evals", tmp_path / "p.yaml")


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"name": "x", "cases": "c.yaml", "target": {"kind": "python", "path": "a:b"}, "gaets": {}}, "$"),
        ({"name": "x", "cases": "c.yaml", "target": {"kind": "python"}}, "$.target"),
        ({"name": "x", "cases": "c.yaml"}, "$"),
    ],
)
def test_a_mistake_is_one_for_the_schema_as_well(data: dict[str, Any], place: str) -> None:
    errors = list(validator_for("suite").iter_errors(data))
    assert place in [error.json_path for error in errors]
