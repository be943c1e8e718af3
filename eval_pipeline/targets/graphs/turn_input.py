"""What a graph is given in a turn: the turn's input and the case's, by the keys of the graph's input."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval_pipeline.content.inputs import input_form, input_messages, messages_of
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.targets.graphs.schema import MESSAGES, GraphSchema


@dataclass(frozen=True, kw_only=True)
class TurnInput:
    """The input of a graph, and the message in it that the answer follows."""

    value: Any
    sent: Any = None


@dataclass(frozen=True, kw_only=True)
class TurnInputs:
    """Makes the inputs of a case's turns.

    A mapping fills the keys that it names. Anything else is `messages`, or what `input_key` names, or the only key of
    the graph's input, or its `question`, `input` and the like; the case's `inputs` fill further keys by their names.
    """

    schema: GraphSchema
    case: Case
    input_key: str | None = None
    user_message: Callable[[Any], Any]
    """Makes a message of the user's of text or content blocks."""

    def first(self, message: Any) -> TurnInput:
        """The input of the first turn: with the history and the state of the case."""
        if self.input_key is None and self.schema.takes(MESSAGES) and self.case.is_made_of_inputs:
            # As they are written, as `graph.invoke` would get them.
            inputs = self.case.example_inputs()
            if given := messages_of(inputs):
                return TurnInput(value={**self.case.state, **inputs, MESSAGES: given}, sent=given[-1])
            if self.schema.kind == "anything" and isinstance(self.case.inputs, Mapping):
                return TurnInput(value={**self.case.state, **inputs})
        return self._of(message, state=self.case.state, earlier=self.case.messages)

    def next(self, message: Any, earlier: Sequence[Any] = ()) -> TurnInput:
        """The input of a later turn; `earlier` are messages that the graph has not kept."""
        return self._of(message, state={}, earlier=earlier)

    def _of(self, message: Any, *, state: Mapping[str, Any], earlier: Sequence[Any]) -> TurnInput:
        form, key, schema = input_form(message), self.input_key, self.schema
        if form == "mapping" and (key is None or key in message):
            return self._of_mapping(message, state, earlier)
        own = [self.user_message(message)] if form in ("text", "blocks") else input_messages(message)
        if key is None and schema.kind == "text":
            return TurnInput(value=message)
        if key is None and schema.kind == "messages":
            return TurnInput(value=[*earlier, *own], sent=own[-1])
        named = self._named(message)
        state = {**state, **named}
        if key is None and any(value == message for value in named.values()):
            return TurnInput(value=state)  # the turn's input is one of the inputs that fill keys by name
        if key is None and schema.takes(MESSAGES):
            return TurnInput(value={**state, MESSAGES: [*earlier, *own]}, sent=own[-1])
        key = key or schema.text_key
        if key is None:
            keys = ", ".join(schema.keys) or "nothing"
            fix = "name the one in `target.input_key`, or give the input as a mapping"
            problem = Problem(message=f"the graph takes {keys}, and the input is {form}", fix=fix, field="target")
            raise InputError(problem)
        # Messages cannot be lost on their way into a key of messages.
        takes_messages = key == MESSAGES and form in ("text", "blocks")
        value = [*earlier, *own] if takes_messages else message
        return TurnInput(value={**state, key: value}, sent=own[-1] if takes_messages else None)

    def _of_mapping(self, message: Mapping[str, Any], state: Mapping[str, Any], earlier: Sequence[Any]) -> TurnInput:
        if self.schema.keys and not any(self.schema.takes(str(key)) for key in message):
            given, taken = ", ".join(map(str, message)), ", ".join(self.schema.keys)
            fix = "choose a part (`input: inputs.question`), or have the graph take these keys"
            problem = Problem(message=f"the input has {given}; the graph takes {taken}", fix=fix, field="inputs")
            raise InputError(problem)
        value: dict[str, Any] = {**state, **message}
        messages = value.get(MESSAGES)
        if earlier and self.schema.takes(MESSAGES):
            value[MESSAGES] = [*earlier, *(messages if isinstance(messages, list) else filter(None, [messages]))]
        sent = messages[-1] if isinstance(messages, list) and messages else None
        return TurnInput(value=value, sent=sent)

    def _named(self, message: Any) -> dict[str, Any]:
        """The inputs of the case besides the turn's own, of those that the graph takes."""
        inputs = self.case.inputs
        if not isinstance(inputs, Mapping) or len(self.case.turns) != 1:
            return {}
        if self.schema.kind == "anything":
            return {name: value for name, value in inputs.items() if name != MESSAGES and value != message}
        return {name: value for name, value in inputs.items() if name != MESSAGES and name in self.schema.keys}
