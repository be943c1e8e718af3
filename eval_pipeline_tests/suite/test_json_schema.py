"""The schemas for editors have every field of the models with its documentation, and take what the models take."""

from pathlib import Path

import pytest

from eval_pipeline.suite.discovery import SHIPPED
from eval_pipeline.suite.documents.document import Document
from eval_pipeline.suite.documents.yaml_document import read_yaml
from eval_pipeline_tests.small_suite import CASES, SUITE
from eval_pipeline_tests.suite.editor_schemas import SCHEMAS, schema_for, validate_cases, validate_suite, validator_for

ROOT = Path(__file__).resolve().parents[2]
SUITES = [*SHIPPED.rglob("suite.yaml"), *(ROOT / "examples").rglob("suite.yaml")]


def models(model: type[Document] = Document) -> dict[str, type[Document]]:
    return {model.__name__: model} | {
        name: each for sub in model.__subclasses__() for name, each in models(sub).items()
    }


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_of_every_model_is_in_the_schema(name: str) -> None:
    validator_for(name)  # which checks it
    schema = schema_for(name)
    compared = 0
    all_models = models()
    for model, definition in schema["$defs"].items():
        whole = definition if "properties" in definition else next(iter(definition.get("anyOf", [{}])[1:]), {})
        if model in all_models and "properties" in whole:
            names = {field.alias or own for own, field in all_models[model].model_fields.items()}
            assert names <= whole["properties"].keys(), model
            compared += 1
    assert compared > 25


def test_fields_have_their_documentation() -> None:
    evaluation = schema_for("suite")["$defs"]["Evaluation"]["properties"]
    assert evaluation["pool"]["description"].startswith("The Dagster pool of the runs that evaluate.")


@pytest.mark.parametrize("file", SUITES, ids=lambda file: file.parent.name)
def test_suites_that_ship_are_valid_by_it(file: Path) -> None:
    validate_suite(read_yaml(file).data)
    for cases in file.parent.glob("cases*.yaml"):
        validate_cases(read_yaml(cases).data)


def test_short_forms_and_variables_are_valid_by_it(tmp_path: Path) -> None:
    text = SUITE + "repetitions: ${K:-3}\ncompute: local\nbaseline: last_passed\nevaluation: {cache: true}\n"
    (tmp_path / "suite.yaml").write_text(text)
    (tmp_path / "cases.yaml").write_text(CASES)
    validate_suite(read_yaml(tmp_path / "suite.yaml").data)
    validate_cases(read_yaml(tmp_path / "cases.yaml").data)
    (tmp_path / "cases.yaml").write_text(
        f"defaults: {{split: a}}\ncases: {CASES.splitlines() and '[{id: 1, input: x}]'}\n"
    )
    validate_cases(read_yaml(tmp_path / "cases.yaml").data)
