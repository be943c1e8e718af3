"""Finds secrets given to a resource as text, which would be in the code and in what Dagster shows of resources."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.redaction.patterns import secret_in
from eval_pipeline.redaction.secret_names import names_secret

_NOT_SECRET = {"redaction_patterns"}
"""Fields whose keys are names of secrets, but whose values are regular expressions."""


def check_no_secret_literals(resources: Mapping[str, Any]) -> None:
    """Check that no field of a resource contains a secret as text.

    Raises:
        InputError: names every resource and field that does.
    """
    problems = [problem for name, resource in sorted(resources.items()) for problem in _problems(name, resource, name)]
    if problems:
        raise InputError(problems)


def _problems(path: str, value: Any, name: str) -> Iterator[Problem]:
    """The problems of the value at `path`, whose field or key is `name`."""
    if isinstance(value, dg.Config):  # the base of resources, IO managers and their factories
        for field in sorted(type(value).model_fields.keys() - _NOT_SECRET):
            yield from _problems(f"{path}.{field}", getattr(value, field), field)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _problems(f"{path}.{key}", item, str(key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _problems(f"{path}[{number}]", item, name)
    elif isinstance(value, str) and not isinstance(value, dg.EnvVar) and _is_secret(name, value):
        fix = f"write dg.EnvVar({_variable(name)!r}) and set that environment variable, from Secrets Manager on AWS"
        resource = path.partition(".")[0]
        yield Problem(message=f"the resource {resource!r} contains a secret as text", fix=fix, field=path)


def _is_secret(name: str, value: str) -> bool:
    return bool(value) and (names_secret(name) or secret_in(value) is not None)


def _variable(name: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in name).upper()
