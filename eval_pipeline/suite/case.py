"""A case: what is said to the target, what must hold, and what the right answer is."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import AliasChoices, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document
from eval_pipeline.suite.documents.yaml_document import field_path, type_path
from eval_pipeline.suite.spec.assertion import AnyAssertion, Assertion
from eval_pipeline.suite.spec.simulation import Simulation

CASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,119}")
"""Dagster accepts any text as a dynamic partition key, and its UI then cannot select some of it (`a,b`, `a...b`)."""

_RUNTIME_PREFIX = "_runtime_"
_DEEPEST = 100
"""Levels of nesting in a case; what reads and writes JSON gives up soon beyond them."""


class Turn(Document):
    """One thing the user says, and what must hold of the answer to it."""

    user: str = Field(validation_alias=AliasChoices("user", "user_input"))
    assertions: tuple[AnyAssertion, ...] = ()


class RuntimeOptions(Document):
    """How the target is configured for one case; reaches a graph as `configurable` and runtime context."""

    model: str | None = None
    version: str | None = None
    temperature: float | None = None
    start_agent: str | None = None
    test_data: Mapping[str, Any] = Field(default_factory=dict)


_NO_OPTIONS = RuntimeOptions()


class Recording(Document):
    """One recorded attempt at the case: the conversation, and what was recorded about it."""

    messages: tuple[Mapping[str, Any], ...] = Field(min_length=1)
    """OpenAI-style messages: `role`, `content`, `tool_calls`, `tool_call_id`."""
    data: Mapping[str, Any] = Field(default_factory=dict)
    """Whatever else was recorded of this attempt, such as a published score."""


class Case(Document):
    """One test case."""

    id: str
    description: str | None = None
    split: str = "base"
    tags: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()
    assertions: tuple[AnyAssertion, ...] = ()
    """What must hold of the whole conversation."""
    reference: Mapping[str, Any] = Field(
        default_factory=dict, validation_alias=AliasChoices("reference", "reference_outputs")
    )
    metadata: Mapping[str, Any] = Field(default_factory=dict)
    # As a plain default pydantic would copy it for every case, deeply: half the time that loading takes.
    runtime: RuntimeOptions = Field(default_factory=lambda: _NO_OPTIONS)
    recordings: tuple[Recording, ...] = ()
    simulation: Simulation | None = None
    """Who plays the user once `turns` were said."""
    on_interrupt: Any = None
    """What a human answers when the target interrupts for one: a list in the order of being asked; a mapping from a
    part of the question (`"*"` for any) to its answer; anything else answers every question."""

    @model_validator(mode="before")
    @classmethod
    def _shorthands(cls, data: Any) -> Any:
        """`input: text` is one turn; `_runtime_model` and its like are `runtime` (seed 003)."""
        if not isinstance(data, dict):
            return data
        _require_storable(data)
        found = dict(data)
        runtime = {
            key.removeprefix(_RUNTIME_PREFIX): found.pop(key) for key in data if str(key).startswith(_RUNTIME_PREFIX)
        }
        if "_default_test_data" in found:
            runtime["test_data"] = found.pop("_default_test_data")
        if runtime and isinstance(given := found.get("runtime") or {}, dict):
            found["runtime"] = {**given, **runtime}
        if "input" in found and "turns" not in found:
            found["turns"] = [{"user": found.pop("input")}]
        return found

    @field_validator("id", mode="before")
    @classmethod
    def _id_is_a_partition_key(cls, value: Any) -> str:
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(text, str) or not CASE_ID.fullmatch(text):
            reason = {
                "value": str(value),
                "fix": "use at most 120 letters, digits, `_` and `-`, a letter or digit first: it is a partition's key",
            }
            raise PydanticCustomError("case_id", "'{value}' cannot be a case id", reason)
        return text

    @model_validator(mode="after")
    def _has_something_to_evaluate(self) -> "Case":
        if not self.turns and not self.recordings and self.simulation is None:
            reason = {"fix": "give `turns`, or `input` for a single one, or `simulation`, or `recordings`"}
            raise PydanticCustomError("empty_case", "the case says nothing to the target", reason)
        return self

    @property
    def every_assertion(self) -> list[Assertion]:
        """Those of the turns, of a simulated user's turns, and of the conversation."""
        placed = [turn.assertions for turn in self.turns]
        placed += [] if self.simulation is None else [self.simulation.assertions]
        return [*(assertion for assertions in placed for assertion in assertions), *self.assertions]

    def canonical_json(self) -> str:
        """The case as JSON with sorted keys, the same whatever file format it came from."""
        data = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def content_hash(self) -> str:
        """16 hex digits of the SHA-256 of `canonical_json`."""
        return content_hash(self.canonical_json())


def content_hash(content: str) -> str:
    """16 hex digits of the SHA-256 of text."""
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _require_storable(value: Any, path: type_path = ()) -> None:
    """Refuse what neither the store nor a hash can take."""
    if len(path) > _DEEPEST:
        reason = {"field": field_path(path[:3]), "fix": f"nest at most {_DEEPEST} levels deep"}
        raise PydanticCustomError("too_deep", "{field} is nested too deeply", reason)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            reason = {"field": field_path(path), "fix": "write the character itself, or leave it out"}
            raise PydanticCustomError(
                "surrogate", "{field} holds half a character (a lone surrogate)", reason
            ) from None
    elif isinstance(value, dict):
        for key, item in value.items():
            _require_storable(str(key), path)
            _require_storable(item, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _require_storable(item, (*path, index))
