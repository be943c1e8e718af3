"""The schemas for editors have every field of the models with its documentation, and take what the models take."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from eval_pipeline.suite.discovery import SHIPPED
from eval_pipeline.suite.documents.document import Document
from eval_pipeline.suite.documents.yaml_document import read_yaml
from eval_pipeline.suite.json_schema import cases_schema, suite_schema
from eval_pipeline_tests.small_suite import CASES, SUITE

ROOT = Path(__file__).resolve().parents[2]
SUITES = [*SHIPPED.rglob("suite.yaml"), *(ROOT / "examples").rglob("suite.yaml")]


def models(model: type[Document] = Document) -> dict[str, type[Document]]:
    return {model.__name__: model} | {
        name: each for sub in model.__subclasses__() for name, each in models(sub).items()
    }


@pytest.mark.parametrize("schema", [suite_schema(), cases_schema()], ids=["suite", "cases"])
def test_every_field_of_every_model_is_in_the_schema(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    compared = 0
    for name, definition in schema["$defs"].items():
        whole = definition if "properties" in definition else next(iter(definition.get("anyOf", [{}])[1:]), {})
        if name in models() and "properties" in whole:
            names = {field.alias or own for own, field in models()[name].model_fields.items()}
            assert names <= whole["properties"].keys(), name
            compared += 1
    assert compared > 25


def test_fields_have_their_documentation() -> None:
    evaluation = suite_schema()["$defs"]["Evaluation"]["properties"]
    assert evaluation["pool"]["description"].startswith("The Dagster pool of the runs that evaluate.")


@pytest.mark.parametrize("file", SUITES, ids=lambda file: file.parent.name)
def test_suites_that_ship_are_valid_by_it(file: Path) -> None:
    jsonschema.validate(read_yaml(file).data, suite_schema())
    for cases in file.parent.glob("cases*.yaml"):
        jsonschema.validate(read_yaml(cases).data, cases_schema())


def test_short_forms_and_variables_are_valid_by_it(tmp_path: Path) -> None:
    text = SUITE + "repetitions: ${K:-3}\ncompute: local\nbaseline: last_passed\nevaluation: {cache: true}\n"
    (tmp_path / "suite.yaml").write_text(text)
    (tmp_path / "cases.yaml").write_text(CASES)
    jsonschema.validate(read_yaml(tmp_path / "suite.yaml").data, suite_schema())
    jsonschema.validate(read_yaml(tmp_path / "cases.yaml").data, cases_schema())
    (tmp_path / "cases.yaml").write_text(
        f"defaults: {{split: a}}\ncases: {CASES.splitlines() and '[{id: 1, input: x}]'}\n"
    )
    jsonschema.validate(read_yaml(tmp_path / "cases.yaml").data, cases_schema())
