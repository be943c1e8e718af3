"""Validation by the schemas for editors, which are generated and checked once a process."""

import functools
from collections.abc import Callable
from typing import Any

import jsonschema

from eval_pipeline.suite.json_schema import cases_schema, suite_schema

SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {"suite": suite_schema, "cases": cases_schema}
"""By the name of the file, what returns its schema."""


@functools.cache
def schema_for(name: str) -> dict[str, Any]:
    """A schema, which must not be changed."""
    return SCHEMAS[name]()


@functools.cache
def validator_for(name: str) -> jsonschema.Draft202012Validator:
    """A validator of a schema, which is checked first."""
    jsonschema.Draft202012Validator.check_schema(schema_for(name))
    return jsonschema.Draft202012Validator(schema_for(name))


def validate_suite(document: Any) -> None:
    """Validate the content of a `suite.yaml`."""
    validator_for("suite").validate(document)


def validate_cases(document: Any) -> None:
    """Validate the content of a YAML file of cases."""
    validator_for("cases").validate(document)
