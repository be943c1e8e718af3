"""Settings that are read from environment variables, and the values of variables that code under test changes."""

import functools
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from pydantic import AliasChoices, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from typing_extensions import override

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.working_folder import with_paths_in_working_folder

OWN_VARIABLES = ("EVAL_PIPELINE_", "LANGSMITH_", "LANGCHAIN_")
"""How the variables begin that configure an evaluation."""
_TRUE = frozenset({"1", "true", "yes", "on"})
_held: dict[str, tuple[str, str | None]] = {}
"""Variables whose values others have replaced: the value that settings go on to have, and the one that replaced it."""


def own_variables() -> dict[str, str]:
    """The variables that configure an evaluation, as settings read them."""
    names = [name for name in {*os.environ, *_held} if name.startswith(OWN_VARIABLES)]
    return {name: value for name in names if (value := variable_value(name))}


def variable_value(name: str) -> str:
    """The value of a variable as settings read it; empty where it is not set."""
    now = os.environ.get(name)
    if name in _held and _held[name][1] == now:
        return _held[name][0]
    return now or ""


def hold_variables(before: Mapping[str, str]) -> list[str]:
    """Let settings go on to have these values, whatever replaced them in the environment.

    Args:
        before: the variables that configure an evaluation, as they were.

    Returns:
        The names of those that have changed since.
    """
    now = own_variables()
    changed = sorted(name for name in {*before, *now} if before.get(name, "") != now.get(name, ""))
    for name in changed:
        _held[name] = before.get(name, ""), os.environ.get(name)
    return changed


@functools.lru_cache(maxsize=16)
def _read(settings: type[BaseSettings], variables: tuple[tuple[str, str], ...]) -> Mapping[str, Any]:
    """The fields that variables set; a run asks some twenty times, and each would take 4 ms."""
    source = EnvSettingsSource(settings)
    source.env_vars = dict(variables)
    return source()


def release_variables(names: Iterable[str]) -> None:
    """Let settings read these variables as they are."""
    for name in names:
        _held.pop(name, None)


_OWN_PROGRAM = threading.Event()


def declare_own_program() -> None:
    """Let this process be one of our programs, and not one of the user's that calls this package."""
    _OWN_PROGRAM.set()


def is_own_program() -> bool:
    """Whether this process is one of our programs."""
    return _OWN_PROGRAM.is_set()


class EnvironmentSettings(BaseSettings):
    """Settings whose fields name the variables that they are read from, the first one that is set."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, case_sensitive=True, validate_by_name=True, use_attribute_docstrings=True
    )

    @classmethod
    @override
    def settings_customise_sources(  # type: ignore[override]
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, **others: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """A constructor takes what it is given; only `from_environment` reads variables."""
        del settings_cls, others
        return (init_settings,)

    @classmethod
    def from_environment(cls, **given: Any) -> Self:
        """Settings from `given`, else from the environment, else defaults.

        Raises:
            InputError: a value cannot be used; names the field and its variables.
        """
        variables = {name: variables_of(field) for name, field in cls.model_fields.items()}
        values = {name: variable_value(name).strip() for names in variables.values() for name in names}
        try:
            read = _read(cls, tuple((name, value) for name, value in values.items() if value))
        except SettingsError as error:
            raise InputError(Problem(message=str(error), fix="write its variable as JSON")) from error
        by_field = {name: read[names[0]] for name, names in variables.items() if names[0] in read}
        try:
            return with_paths_in_working_folder(cls(**{**by_field, **given}))
        except ValidationError as error:
            wrong = error.errors(include_input=False, include_url=False)
            raise InputError([_problem(str(each["loc"][0]), each["msg"], variables) for each in wrong]) from error


def _problem(place: str, message: str, variables: Mapping[str, tuple[str, ...]]) -> Problem:
    # The place is a field or the first of its variables, by how the value was given.
    field = next((name for name, names in variables.items() if place in (name, *names)), place)
    names = " or ".join(variables.get(field, ()))
    return Problem(message=message, fix=f"correct `{field}`{names and ', or the variable '}{names}", field=field)


def is_true(value: object) -> object:
    """`true`, `True` and `1` all mean yes, which the SDK reads more narrowly; any other text means no."""
    return value.lower() in _TRUE if isinstance(value, str) else value


def variable(*names: str, default: Any = None, **options: Any) -> Any:
    """A field that is read from the first of these variables that is set."""
    if "default_factory" not in options:
        options["default"] = default
    return Field(validation_alias=AliasChoices(*names), **options)


def langsmith_names(*names: str) -> Iterator[str]:
    """`LANGSMITH_…`, else the older `LANGCHAIN_…`."""
    return (f"{prefix}_{name}" for name in names for prefix in ("LANGSMITH", "LANGCHAIN"))


def variables_of(field: FieldInfo) -> tuple[str, ...]:
    """The variables that a field is read from, in the order in which they are looked at."""
    choices = field.validation_alias
    assert isinstance(choices, AliasChoices)
    return tuple(str(choice) for choice in choices.choices)
