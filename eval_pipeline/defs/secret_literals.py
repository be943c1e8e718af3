"""Secrets that are given to a resource as text, and so stand in the code, and in what Dagster shows of resources."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.redaction.patterns import names_secret, secret_in

_OF_SECRETS = {"redaction_patterns"}
"""Fields whose keys name secrets under which none stands: regular expressions do."""


def require_no_plain_secrets(resources: Mapping[str, Any]) -> None:
    """Refuse them.

    Raises:
        InputError: names every resource and field that has one.
    """
    problems = [problem for name, resource in sorted(resources.items()) for problem in _problems(name, resource, name)]
    if problems:
        raise InputError(problems)


def _problems(place: str, value: Any, named: str) -> Iterator[Problem]:
    """What is wrong at `place`, which is the field or the key `named`."""
    if isinstance(value, dg.Config):  # resources, IO managers and their factories are
        for field in sorted(type(value).model_fields.keys() - _OF_SECRETS):
            yield from _problems(f"{place}.{field}", getattr(value, field), field)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _problems(f"{place}.{key}", item, str(key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _problems(f"{place}[{number}]", item, named)
    elif isinstance(value, str) and not isinstance(value, dg.EnvVar) and _is_secret(named, value):
        fix = f"write dg.EnvVar({_variable(named)!r}), and put it into the environment, from Secrets Manager on AWS"
        resource = place.partition(".")[0]
        yield Problem(message=f"the resource {resource!r} is given a secret as text", fix=fix, field=place)


def _is_secret(named: str, value: str) -> bool:
    return bool(value) and (names_secret(named) or secret_in(value) is not None)


def _variable(named: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in named).upper()
