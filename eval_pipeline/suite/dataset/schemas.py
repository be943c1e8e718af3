"""JSON Schemas of a dataset: what the inputs and the reference of its cases must match."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.documents.bounded_schema import first_mistake, schema_problem
from eval_pipeline.suite.documents.json_document import parse_json_file
from eval_pipeline.suite.documents.text_file import read_text
from eval_pipeline.suite.documents.yaml_document import read_yaml
from eval_pipeline.suite.import_path import suite_file


@dataclass(frozen=True, kw_only=True)
class CaseSchemas:
    """The schemas of one source of cases; None where there is none."""

    inputs: Mapping[str, Any] | None = None
    reference: Mapping[str, Any] | None = None

    def mistakes(self, case: Case) -> Iterator[Problem]:
        """A problem for each part of a case that its schema does not accept."""
        parts = (("inputs", self.inputs, case.example_inputs), ("reference", self.reference, lambda: case.reference))
        for name, schema, value in parts:
            if schema is None:
                continue
            try:
                mistake = first_mistake(schema, value())
            except InputError as error:  # it does not end in time
                yield from (replace(problem, field=name) for problem in error.problems)
                continue
            if mistake is not None:
                fix = "correct the case, or the schema"
                yield Problem(message=f"the dataset's schema refuses {mistake}", fix=fix, field=name)


def source_schemas(source: Any, folder: Path, *, file: Path, field: str) -> tuple[CaseSchemas, list[Problem]]:
    """The schemas that a source of cases gives, and a problem for each that cannot be used.

    Args:
        source: a `CheckedSource`.
        folder: the suite's.
        file: where the source is written.
        field: its place there.
    """
    schemas: dict[str, Mapping[str, Any]] = {}
    problems: list[Problem] = []
    for name in ("inputs", "reference"):
        given = getattr(source, f"{name}_schema", None)
        place = f"{field}.{name}_schema"
        try:
            schema = _read(suite_file(given, folder=folder)) if isinstance(given, str) else given
        except InputError as error:
            problems += error.problems
            continue
        if schema is None:
            continue
        wrong = schema_problem(schema) if isinstance(schema, Mapping) else "it is no object"
        if wrong is None:
            schemas[name] = schema
        else:
            message = f"not a JSON Schema: {wrong}"
            problems.append(Problem(message=message, fix="correct the schema", file=file, field=place))
    return CaseSchemas(**schemas), problems


def _read(file: Path) -> Any:
    return read_yaml(file).data if file.suffix in (".yaml", ".yml") else parse_json_file(file, read_text(file))
