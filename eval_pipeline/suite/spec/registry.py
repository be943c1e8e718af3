"""Registries of the classes that a tagged field of `suite.yaml` can be, such as `type` of an assertion."""

import functools
import importlib
import operator
from collections import defaultdict
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, Generic, TypeVar, get_args

from pydantic import BaseModel, Discriminator, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

_M = TypeVar("_M", bound=BaseModel)


class Registry(Generic[_M]):
    """Subclasses of `base` by the value of their field `tag`.

    The built-in classes are given as import paths and imported when they are first used. Other packages register
    classes as entry points of `group`; the entry point's name is the value of `tag`. Built-in names cannot be replaced.

    As metadata of an annotation, `Annotated[Assertion, ASSERTIONS]`, a registry validates a mapping as the class that
    its tag names, and describes all registered classes in the JSON schema.
    """

    def __init__(self, base: type[_M], *, tag: str, group: str, built_in: Mapping[str, str]) -> None:
        self._base, self._tag, self._group, self._built_in = base, tag, group, built_in
        self._classes: dict[str, type[_M]] = {}

    def names(self) -> list[str]:
        """The built-in names in their order, then those of other packages."""
        return [*self._built_in, *sorted(self._entry_points.keys() - self._built_in.keys())]

    def classes(self) -> list[type[_M]]:
        """Every registered class, in the order of `names`; imports all of them.

        Raises:
            PydanticCustomError: a package registers what cannot be imported, or is no such class.
        """
        return [self._class(name) for name in self.names()]

    def union(self) -> Any:
        """The union of all registered classes, discriminated by their tag; its JSON schema describes all of them."""
        return Annotated[functools.reduce(operator.or_, self.classes()), Discriminator(self._tag)]

    def class_of(self, data: Any) -> type[_M]:
        """The class that the tag of `data` names, or the base class if it names none that can be imported."""
        name = data.get(self._tag) if isinstance(data, Mapping) else None
        try:
            return self._class(name) if isinstance(name, str) and self._has(name) else self._base
        except PydanticCustomError:
            return self._base

    def validate(self, data: Any) -> _M:
        """`data` as an instance of the class that its tag names; an instance as it is.

        Raises:
            ValidationError, PydanticCustomError, PydanticKnownError: it cannot be one.
        """
        if isinstance(data, self._base):
            return data
        if not isinstance(data, Mapping):
            raise PydanticKnownError("model_attributes_type")
        # The same errors as of a union in pydantic, whose members would all have to be imported.
        if self._tag not in data:
            raise PydanticKnownError("union_tag_not_found", {"discriminator": repr(self._tag)})
        name = data[self._tag]
        if not isinstance(name, str) or not self._has(name):
            reason = {"discriminator": repr(self._tag), "tag": str(name), "expected_tags": str(self.names())[1:-1]}
            raise PydanticKnownError("union_tag_invalid", reason)
        return self._class(name).model_validate(data)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(TypeAdapter(self.union()).core_schema)

    def _has(self, name: str) -> bool:
        return name in self._built_in or name in self._entry_points

    def _class(self, name: str) -> type[_M]:
        if name not in self._classes:
            self._classes[name] = self._imported(name) if name in self._built_in else self._registered(name)
        return self._classes[name]

    def _imported(self, name: str) -> type[_M]:
        module, _, attribute = self._built_in[name].partition(":")
        imported: type[_M] = getattr(importlib.import_module(module), attribute)
        return imported

    def _registered(self, name: str) -> type[_M]:
        first, *others = self._entry_points[name]
        if others:
            packages = ", ".join(sorted(_package(entry) for entry in (first, *others)))
            raise self._error(name, f"several packages register it: {packages}", "uninstall all but one of them")
        try:
            registered = first.load()
        except Exception as error:
            reason = f"importing {first.value} failed with {type(error).__name__}: {error}"
            raise self._error(name, reason, f"correct or uninstall the package {_package(first)}") from error
        names = get_args(registered.model_fields[self._tag].annotation) if self._fits(registered) else ()
        if name not in names:
            fix = f'register a subclass of {self._base.__name__} with the field `{self._tag}: Literal["{name}"]`'
            raise self._error(name, f"{first.value} is no class of that {self._tag}", fix)
        return registered  # type: ignore[no-any-return]

    def _fits(self, registered: Any) -> bool:
        return isinstance(registered, type) and issubclass(registered, self._base)

    def _error(self, name: str, reason: str, fix: str) -> PydanticCustomError:
        context = {"tag": self._tag, "name": name, "reason": reason, "fix": fix}
        return PydanticCustomError("registered_class", "{tag} '{name}' cannot be used: {reason}", context)

    @functools.cached_property
    def _entry_points(self) -> Mapping[str, list[EntryPoint]]:
        by_name: defaultdict[str, list[EntryPoint]] = defaultdict(list)
        for entry in entry_points(group=self._group):
            by_name[entry.name].append(entry)
        return by_name


def _package(entry: EntryPoint) -> str:
    return entry.value if entry.dist is None else entry.dist.name
