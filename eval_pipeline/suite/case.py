"""A case: its inputs, the turns with the assertions on their answers, and the reference answer."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import AliasChoices, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.content.inputs import (
    as_inputs,
    history_and_input,
    input_form,
    input_messages,
    input_text,
    is_of_user,
)
from eval_pipeline.content.outputs import as_outputs
from eval_pipeline.errors import InputError
from eval_pipeline.messages import Message, as_openai, read_messages
from eval_pipeline.redaction.identifiers import provider_of_key
from eval_pipeline.store.content_hash import content_hash
from eval_pipeline.suite.documents.document import Document
from eval_pipeline.suite.documents.yaml_document import field_path, type_path
from eval_pipeline.suite.named_case import as_case_fields, is_named_case
from eval_pipeline.suite.spec.assertion import AnyAssertion, Assertion
from eval_pipeline.suite.spec.attachment import CaseAttachment
from eval_pipeline.suite.spec.simulation import Simulation

CASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,119}")
"""Dagster accepts any text as a dynamic partition key, but its UI cannot select some of them (`a,b`, `a...b`)."""

_RUNTIME_PREFIX = "_runtime_"
_DEEPEST = 100
"""The most levels of nesting in a case; JSON parsers fail soon beyond them."""


class Turn(Document):
    """What the target is given in one turn, and the assertions on the answer to it."""

    input: Any = Field(validation_alias=AliasChoices("input", "user", "user_input"), serialization_alias="user")
    """Text, content blocks, a message, several messages, or a mapping of inputs."""
    assertions: tuple[AnyAssertion, ...] = ()
    """Assertions on the answer to this turn and the calls made for it."""

    @field_validator("input")
    @classmethod
    def _has_a_form(cls, value: Any) -> Any:
        if input_form(value) is None:
            fix = "write text (numbers in quotes), content blocks, messages, or a mapping such as `{question: …}`"
            raise PydanticCustomError("turn_input", "'{value}' is no input", {"value": str(value)[:80], "fix": fix})
        return value

    @property
    def text(self) -> str:
        """What a person reads of the input."""
        return input_text(self.input)


_SPOKEN = frozenset({"turns", "messages", "recordings", "simulation"})
"""Fields that give the conversation of a case; without them it is made of `inputs`."""


class RuntimeOptions(Document):
    """The configuration of the target for one case; a graph gets it as `configurable` and as runtime context."""

    model: str | None = None
    """The model that the target should use."""
    version: str | None = None
    """The version of the target that should answer."""
    temperature: float | None = None
    """The sampling temperature."""
    start_agent: str | None = None
    """The agent that should answer first."""
    test_data: Mapping[str, Any] = Field(default_factory=dict)
    """Data for the target, which means what the target takes it to mean."""


_NO_OPTIONS = RuntimeOptions()


class RecordedTurn(Document):
    """One turn of a recorded attempt whose inputs and outputs are more than messages."""

    input: Any
    """What the target was given."""
    outputs: Any = None
    """What it returned."""
    text: str | None = None
    """What a person reads; by default the rule of `eval_pipeline.content.outputs`."""
    events: tuple[Mapping[str, Any], ...] = ()
    """Calls of tools and their results, as in a stored turn."""


class Recording(Document):
    """A recorded attempt at the case: its conversation as `messages` or as `turns`, and data about it."""

    turns: tuple[RecordedTurn, ...] = ()
    """The conversation, where inputs or outputs are more than messages."""
    messages: tuple[Mapping[str, Any], ...] = Field(default=(), validate_default=True)
    """Messages of any form that `eval_pipeline.messages` reads, such as OpenAI's `role`, `content`, `tool_calls`."""
    data: Mapping[str, Any] = Field(default_factory=dict)
    """Other data of the recorded attempt, such as a published score."""

    @field_validator("messages")
    @classmethod
    def _are_not_empty(cls, value: Any, info: ValidationInfo) -> Any:
        if not value and not info.data.get("turns"):
            raise PydanticCustomError("recording", "a recording is empty", {"fix": "give `messages`, or `turns`"})
        return value

    @property
    def text(self) -> str:
        """What the user asks in it."""
        inputs = [turn.input for turn in self.turns]
        inputs += [message for message in self.messages if is_of_user(message)]
        return "\n".join(map(input_text, inputs))

    @field_validator("messages", mode="before")
    @classmethod
    def _are_messages(cls, value: Any) -> Any:
        """Refuse a message of an unknown form; a message that is no mapping, such as a pair, becomes one."""
        if not isinstance(value, list | tuple):
            return value
        messages: list[Any] = []
        for index, item in enumerate(value):
            read = _require_message(item, index)
            messages += [item] if isinstance(item, Mapping) else map(as_openai, read)
        return messages


class Case(Document):
    """One test case."""

    shorthands: ClassVar[frozenset[str]] = frozenset({"input"})

    id: str
    """Its name, unique in the suite, and the key of its partition in Dagster: letters, digits, `_` and `-`."""
    description: str | None = None
    """What the case is about, for people."""
    split: str = "base"
    """The part of the dataset that it belongs to."""
    tags: tuple[str, ...] = ()
    """Names by which results are grouped and gates are set."""
    inputs: Any = None
    """The inputs as a whole, any JSON: those of a LangSmith example, unchanged. Without turns they are the only one."""
    messages: tuple[Any, ...] = ()
    """What was said before the first turn, as messages: history, which nothing answers."""
    turns: tuple[Turn, ...] = ()
    """What the user says, in order; each is sent after the answer to the one before."""
    assertions: tuple[AnyAssertion, ...] = ()
    """Assertions on the whole conversation."""
    reference: Any = Field(default_factory=dict, validation_alias=AliasChoices("reference", "reference_outputs"))
    """What a right answer is, any JSON."""
    metadata: Mapping[str, Any] = Field(default_factory=dict)
    """Facts about the case, by name: results are grouped and gates are set by them."""
    attachments: Mapping[str, CaseAttachment] = Field(default_factory=dict)
    """Files of the case, by name."""
    context: Mapping[str, Any] = Field(default_factory=dict)
    """The runtime context of a graph, by the fields of its `context_schema`."""
    configurable: Mapping[str, Any] = Field(default_factory=dict)
    """Further keys of a graph's `configurable`."""
    state: Mapping[str, Any] = Field(default_factory=dict)
    """Keys of a graph's state that are set before the first turn, besides its inputs."""
    # Pydantic would deep-copy a plain default for every case, which takes half the time of loading.
    runtime: RuntimeOptions = Field(default_factory=lambda: _NO_OPTIONS)
    """Options of the target for this case."""
    recordings: tuple[Recording, ...] = ()
    """Attempts at the case that were recorded elsewhere, for the target `recorded`."""
    simulation: Simulation | None = None
    """The simulated user, who speaks after `turns`."""
    on_interrupt: Any = None
    """The answers of a human when the target interrupts: a list, in the order of the questions; a mapping from a part
    of the question (`"*"` for any) to its answer; anything else answers every question."""

    @model_validator(mode="before")
    @classmethod
    def _shorthands(cls, data: Any) -> Any:
        """Expand short forms: `input: text` is one turn; `_runtime_model` and the like are fields of `runtime`.

        Options that `runtime` does not have are keys of `configurable`.
        """
        if not isinstance(data, dict):
            return data
        _require_storable(data)
        fields = as_case_fields(data) if is_named_case(data) else dict(data)
        options = {
            key.removeprefix(_RUNTIME_PREFIX): fields.pop(key) for key in data if str(key).startswith(_RUNTIME_PREFIX)
        }
        runtime = {name: value for name, value in options.items() if name in RuntimeOptions.model_fields}
        if further := {name: value for name, value in options.items() if name not in runtime}:
            fields["configurable"] = {**(fields.get("configurable") or {}), **further}
        if "_default_test_data" in fields:
            runtime["test_data"] = fields.pop("_default_test_data")
        if runtime and isinstance(given := fields.get("runtime") or {}, dict):
            fields["runtime"] = {**given, **runtime}
        if "input" in fields and "turns" not in fields:
            fields["turns"] = [{"input": fields.pop("input")}]
        elif fields.get("inputs") is not None and not (_SPOKEN & fields.keys()):
            fields["messages"], asked = history_and_input(fields["inputs"])
            fields["turns"] = [{"input": asked}]
        return fields

    @field_validator("messages")
    @classmethod
    def _are_of_a_known_form(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        for index, item in enumerate(value):
            _require_message(item, index)
        return value

    @field_validator("id", mode="before")
    @classmethod
    def _id_is_a_partition_key(cls, value: Any) -> str:
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(text, str) and not isinstance(value, list | dict):
            reason = {
                "value": json.dumps(value, default=str),
                "fix": "write it in quotes: it is text, the key of a partition",
            }
            raise PydanticCustomError("case_id", "{value} cannot be a case id, which is text", reason)
        if not isinstance(text, str) or not CASE_ID.fullmatch(text):
            reason = {
                "value": str(value),
                "fix": "use at most 120 letters, digits, `_` and `-`, a letter or digit first: it is a partition's key",
            }
            raise PydanticCustomError("case_id", "'{value}' cannot be a case id", reason)
        if (provider := provider_of_key(text)) is not None:
            reason = {"provider": provider, "fix": "revoke the key, and give the case another id"}
            raise PydanticCustomError("case_id", "the id is a key of {provider}", reason)
        return text

    @model_validator(mode="after")
    def _has_something_to_evaluate(self) -> "Case":
        if not self.turns and not self.recordings and self.simulation is None:
            reason = {"fix": "give `turns`, or `input` for a single one, or `simulation`, or `recordings`"}
            raise PydanticCustomError("empty_case", "the case has no input for the target", reason)
        return self

    @property
    def reference_outputs(self) -> dict[str, Any]:
        """The reference as the outputs of an example, which are a mapping: anything else is at `output`."""
        return {} if self.reference is None else as_outputs(self.reference)

    def example_inputs(self, sent: Sequence[Any] | None = None) -> dict[str, Any]:
        """The inputs as those of a LangSmith example, and of the case's rows: `inputs` where the case has them.

        Else they are made of the turns: a mapping as it is; texts as `{input, messages}`, the first and all of them;
        `messages` are chat messages where there is a history, or more than text. Of several mappings, `turns`.

        Args:
            sent: the inputs of the turns that were taken, where a recording or a simulated user has them.
        """
        if self.inputs is not None:
            return as_inputs(self.inputs)
        turns = [turn.input for turn in self.turns]
        # An attempt that failed early has only some of them.
        turns = [*sent] if sent is not None and len(sent) >= len(turns) else turns
        forms = {input_form(turn) for turn in turns}
        if "mapping" in forms:
            return dict(turns[0]) if len(turns) == 1 and not self.messages else {"turns": turns, **self._history}
        if forms <= {"text"} and not self.messages:
            return {"input": turns[0] if turns else "", "messages": turns}
        spoken = [message for turn in turns for message in input_messages(turn)]
        first = {"input": turns[0]} if turns and isinstance(turns[0], str) else {}
        return {**first, "messages": [*self.messages, *spoken]}

    @property
    def _history(self) -> dict[str, Any]:
        return {"messages": [*self.messages]} if self.messages else {}

    def as_data(self, *, recordings: bool = True) -> dict[str, Any]:
        """The case as plain data, as user code and expressions get it: with `input` and `user` of each turn."""
        data = self.model_dump(mode="json", by_alias=True, exclude=None if recordings else {"recordings"})
        for turn in data["turns"]:
            turn["input"] = turn["user"]
        return data | {"inputs": self.example_inputs(), "reference_outputs": self.reference_outputs}

    @property
    def every_assertion(self) -> list[Assertion]:
        """The assertions of the turns, of simulated turns, and of the conversation."""
        placed = [turn.assertions for turn in self.turns]
        placed += [] if self.simulation is None else [self.simulation.assertions]
        return [*(assertion for assertions in placed for assertion in assertions), *self.assertions]

    def canonical_json(self) -> str:
        """The case as JSON with sorted keys, independent of the file format it was loaded from."""
        return canonical_json(self._plain())

    def json_forms(self) -> tuple[str, str]:
        """The case as JSON with sorted keys, which is hashed, and as it is written, which is stored."""
        data = self._plain()
        return canonical_json(data), written_json(data)

    def _plain(self) -> dict[str, Any]:
        made_of_inputs = {"turns", "messages"} if self.is_made_of_inputs else set[str]()
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=made_of_inputs)

    @property
    def is_made_of_inputs(self) -> bool:
        """Whether the conversation is the one that is made of `inputs`."""
        if self.inputs is None or len(self.turns) != 1 or self.turns[0].assertions:
            return False
        if self.recordings or self.simulation is not None:
            return False
        history, asked = history_and_input(self.inputs)
        return self.turns[0].input == asked and [*self.messages] == history

    def content_hash(self) -> str:
        """16 hex digits of the SHA-256 of `canonical_json`."""
        return content_hash(self.canonical_json())


def written_json(data: Mapping[str, Any]) -> str:
    """The fields of a case as JSON in their order, without white space."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def canonical_json(data: Mapping[str, Any]) -> str:
    """The fields of a case as JSON with sorted keys, without white space."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _require_message(item: Any, index: int) -> list[Message]:
    """What an item of a list of messages is; an unknown form is refused by name."""
    try:
        return read_messages([item])
    except InputError as error:
        problem = error.problems[0]
        reason = {"index": index, "message": problem.message, "fix": problem.fix}
        raise PydanticCustomError("message", "item [{index}] is {message}", reason) from error


def _require_storable(value: Any, path: type_path = ()) -> None:
    """Refuse values that cannot be stored or hashed."""
    if len(path) > _DEEPEST:
        reason = {"field": field_path(path[:3]), "fix": f"nest at most {_DEEPEST} levels deep"}
        raise PydanticCustomError("too_deep", "{field} is nested too deeply", reason)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            reason = {"field": field_path(path), "fix": "write the character itself, or leave it out"}
            raise PydanticCustomError(
                "surrogate", "{field} contains a lone surrogate, which is half a character", reason
            ) from None
    elif isinstance(value, dict):
        for key, item in value.items():
            _require_storable(str(key), path)
            _require_storable(item, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _require_storable(item, (*path, index))
