"""Variants of a suite's target, as written under `variants:` in `suite.yaml`: a name, and the changes.

    variants:
      - {name: terse, prompt: "file:terse.txt"}
      - {name: candidate, prompt: "hub:support:candidate"}
      - {name: mini, model: "openai:gpt-4o-mini", params: {temperature: 0}}
      - {name: other_agent, target: {path: "agent2.py:graph"}}

The suite without changes is the variant `current`, which all others are compared with.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document
from eval_pipeline.suite.spec.prompt_reference import checked_reference

CURRENT = "current"
"""The suite without changes, as a variant."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


class VariantSpec(Document):
    """The changes of one variant."""

    name: str
    """The name of the variant, unique in the suite."""
    prompt: str | None = None
    """Replaces `target.prompt`; in the same forms."""
    model: str | None = None
    """Replaces `target.model`; for a target from a factory its option `model`."""
    params: Mapping[str, Any] = Field(default_factory=dict)
    """Added to `target.options`, replacing those of the same name: parameters of a chat model, arguments of a
    factory."""
    target: Mapping[str, Any] = Field(default_factory=dict)
    """Replaces other fields of `target`; with `kind`, the whole target."""

    @field_validator("name")
    @classmethod
    def _can_name_an_experiment(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            reason = {
                "value": value,
                "fix": "use at most 40 letters, digits, `_` and `-`, a letter or digit first: it is a part of the "
                "name of its experiment",
            }
            raise PydanticCustomError("variant_name", "'{value}' cannot name a variant", reason)
        if value == CURRENT:
            reason = {"value": value, "fix": "choose another name: `current` is the suite without changes"}
            raise PydanticCustomError("variant_name", "'{value}' cannot name a variant", reason)
        return value

    @field_validator("prompt")
    @classmethod
    def _names_a_prompt(cls, value: str | None) -> str | None:
        return checked_reference(value)

    @model_validator(mode="after")
    def _says_something(self) -> "VariantSpec":
        if not (self.prompt or self.model or self.params or self.target):
            reason = {"name": self.name, "fix": "give `prompt`, `model`, `params` or `target`"}
            raise PydanticCustomError("variant", "the variant '{name}' changes nothing", reason)
        return self


def require_distinct(variants: Sequence[VariantSpec]) -> None:
    """Check that names are distinct, for the validator of the suite.

    Raises:
        PydanticCustomError: two variants have the same name.
    """
    names = [variant.name for variant in variants]
    for name in names:
        if names.count(name) > 1:
            reason = {"name": name, "fix": "give each a name of its own: it is a part of the name of its experiment"}
            raise PydanticCustomError("variant_names", "two variants are called '{name}'", reason)
