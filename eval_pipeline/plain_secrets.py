"""Secrets that are given to a resource as text, and so stand in the code, and in what Dagster shows of resources.

Belongs here: finding them. Does not belong here: resources.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.redaction.patterns import names_secret, secret_in


def require_no_plain_secrets(resources: Mapping[str, Any]) -> None:
    """Refuse them.

    Raises:
        InputError: names every resource and field that has one.
    """
    problems = [problem for name, resource in sorted(resources.items()) for problem in _problems(name, resource)]
    if problems:
        raise InputError(problems)


def _problems(name: str, resource: Any) -> Iterator[Problem]:
    if not isinstance(resource, dg.ConfigurableResource):
        return
    for field in type(resource).model_fields:
        value = getattr(resource, field)
        place = f"{name}.{field}"
        if isinstance(value, dg.ConfigurableResource):
            yield from _problems(place, value)
        elif isinstance(value, str) and not isinstance(value, dg.EnvVar) and _is_secret(field, value):
            variable = field.upper()
            fix = f"write dg.EnvVar({variable!r}), and put it into the environment, from Secrets Manager on AWS"
            yield Problem(message=f"the resource {name!r} is given a secret as text", fix=fix, field=place)


def _is_secret(field: str, value: str) -> bool:
    return bool(value) and (names_secret(field) or secret_in(value) is not None)
