"""Request templates: JSON whose texts hold `{{ path }}`, a JMESPath into the values of a turn."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic_core import PydanticCustomError

from eval_pipeline.errors import CredentialsError, InputError, Problem
from eval_pipeline.settings import environment_variable

_PLACE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_ENVIRONMENT = "env."


def checked_template(template: Any) -> Any:
    """`template`, for validators of pydantic models.

    Raises:
        PydanticCustomError: a path in it is no JMESPath.
    """
    for path in _paths(template):
        try:
            jmespath.compile(path)
        except JMESPathError as error:
            reason = {
                "path": path,
                "reason": str(error),
                "fix": "write a JMESPath between the braces, as {{ message }}",
            }
            raise PydanticCustomError("template", "'{path}' is no JMESPath: {reason}", reason) from error
    return template


def environment_of(template: Any) -> dict[str, str]:
    """The environment variables that `{{ env.NAME }}` in a template names.

    Raises:
        CredentialsError: one is not set.
    """
    values = {}
    for path in _paths(template):
        if path.startswith(_ENVIRONMENT):
            name = path.removeprefix(_ENVIRONMENT)
            value = environment_variable(name)
            if value is None:
                raise CredentialsError(f"{name} is not set, which the target's request names", fix="set it")
            values[name] = value
    return values


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """The template with its places filled: a text that is one place becomes its value, whatever its type.

    Raises:
        InputError: a path leads to nothing in `values`; a path with a default (`a || 'b'`) does not.
    """
    if isinstance(template, Mapping):
        return {str(name): filled(item, values) for name, item in template.items()}
    if isinstance(template, list | tuple):
        return [filled(item, values) for item in template]
    if not isinstance(template, str):
        return template
    alone = _PLACE.fullmatch(template.strip())
    if alone is not None:
        return _value(alone[1].strip(), values)
    return _PLACE.sub(lambda match: _text(_value(match[1].strip(), values)), template)


def _value(path: str, values: Mapping[str, Any]) -> Any:
    value = jmespath.search(path, values)
    root = re.match(r"\w+", path)
    if value is None and root is not None and root[0] not in values:
        named = ", ".join(sorted(values))
        message = f"the request template names {path!r}, which there is not"
        raise InputError(Problem(message=message, fix=f"use one of {named}", field="target.request"))
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _paths(template: Any) -> Iterator[str]:
    if isinstance(template, Mapping):
        for item in template.values():
            yield from _paths(item)
    elif isinstance(template, list | tuple):
        for item in template:
            yield from _paths(item)
    elif isinstance(template, str):
        yield from (match.strip() for match in _PLACE.findall(template))
