"""Ask a chat model to fill in a form, and ask again where its answer is not in that form.

An answer in a code fence, or with words around its JSON, is read. One that cannot be read is asked for again a few
times, with the reason; each call is counted and keeps to the run's limits.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableBinding, RunnableConfig, RunnableLambda, RunnableSequence
from pydantic import BaseModel, ValidationError

from eval_pipeline.errors import InputError, Problem

_F = TypeVar("_F", bound=BaseModel)
_T = TypeVar("_T")
Messages = list[tuple[str, str]]

MOST_ASKED = 3
"""How often one answer is asked for."""
_MOST_OBJECTS = 20
"""The most beginnings of JSON objects that are tried in a text."""
_LONGEST_SHOWN = 200
_AGAIN = "Your last answer could not be read: {reason}. Answer again, in the form asked for and with nothing else."


class FormReader(Generic[_F]):
    """Asks a chat model to fill in a form."""

    def __init__(self, model: BaseChatModel, form: type[_F], *, name: str) -> None:
        """`name`: what messages call the model."""
        self._form, self._name = form, name
        # OpenAI's client would refuse an answer before its tokens are counted, if it were given the class.
        of_openai = any(kind.__module__.startswith("langchain_openai") for kind in type(model).__mro__)
        options: dict[str, Any] = {"strict": True} if of_openai else {}
        schema: Any = form.model_json_schema() if of_openai else form
        structured: Runnable[Any, Any] = model.with_structured_output(schema, **options)
        if isinstance(structured, RunnableSequence) and isinstance(structured.first, RunnableBinding):
            # In the place of LangChain's parser, which reads nothing but the form itself.
            structured = structured.first | RunnableLambda(self._read, name="read_form")
        self._asked = structured

    async def ask(self, messages: Messages, read: Callable[[_F], _T], *, run_name: str) -> _T:
        """What `read` makes of the model's answer; an `InputError` that it raises is a reason to ask again.

        Raises:
            InputError: no answer could be read.
        """
        asked = list(messages)
        for last in _rounds():
            try:
                return read(self._filled(await self._asked.ainvoke(asked, RunnableConfig(run_name=run_name))))
            except _MALFORMED as error:
                self._again(asked, error, last=last)
        raise AssertionError

    def ask_sync(self, messages: Messages, *, run_name: str) -> _F:
        """The filled form.

        Raises:
            InputError: no answer could be read.
        """
        asked = list(messages)
        for last in _rounds():
            try:
                return self._filled(self._asked.invoke(asked, RunnableConfig(run_name=run_name)))
            except _MALFORMED as error:
                self._again(asked, error, last=last)
        raise AssertionError

    def _again(self, messages: Messages, error: Exception, *, last: bool) -> None:
        """Add the reason to the messages, or raise it if the answer was asked for often enough."""
        if isinstance(error, InputError):
            if last:
                raise error
            messages.append(("human", _AGAIN.format(reason=error.problems[0].message)))
            return
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if last:
            message = f"{self._name!r} gave no answer in the form asked for, asked {MOST_ASKED} times: {reason}"
            raise InputError(Problem(message=message, fix="use a model with structured output")) from error
        messages.append(("human", _AGAIN.format(reason=reason)))

    def _filled(self, answer: Any) -> _F:
        if not isinstance(answer, self._form):
            raise OutputParserException("it is empty" if answer is None else f"it is {_short(answer)}")
        return answer

    def _read(self, message: AIMessage) -> _F:
        """The form in an answer: in a call of a tool, or in the text."""
        reasons: list[ValueError] = []
        filled: list[_F] = []
        for values in _objects_in(message):
            try:
                filled.append(self._form.model_validate(values))
            except ValidationError as error:
                reasons.append(error)
        if filled and all(other == filled[0] for other in filled):
            return filled[0]
        if filled:
            raise OutputParserException(f"it has {len(filled)} different answers")
        if reasons:
            first = reasons[0]
            assert isinstance(first, ValidationError)
            problem = first.errors()[0]
            raise OutputParserException(f"{'.'.join(map(str, problem['loc'])) or 'it'}: {problem['msg']}")
        text = message.additional_kwargs.get("refusal") or message.text
        raise OutputParserException(f"there is no JSON object in {_short(text)}")


_MALFORMED = (InputError, OutputParserException, ValidationError, json.JSONDecodeError)
"""What a client, a parser or a reader raises of an answer that it cannot read."""


def _rounds() -> Iterator[bool]:
    """For each time that an answer is asked for, whether it is the last."""
    yield from (number == MOST_ASKED for number in range(1, MOST_ASKED + 1))


def _objects_in(message: AIMessage) -> Iterator[Any]:
    """The JSON objects of an answer: the arguments of its calls, or else those in its text, whatever is around them."""
    if message.tool_calls:
        yield from (call["args"] for call in message.tool_calls)
        return
    texts = [str(call["args"] or "") for call in message.invalid_tool_calls] or [message.text]
    decoder = json.JSONDecoder()
    for text in texts:
        begin = text.find("{")
        for _ in range(_MOST_OBJECTS):
            if begin < 0:
                break
            try:
                value, end = decoder.raw_decode(text, begin)
            except (ValueError, RecursionError):
                begin = text.find("{", begin + 1)
                continue
            yield value
            begin = text.find("{", end)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
