"""The target that is an agent of WINK (the library `weakincentives`): `wink`."""

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from typing_extensions import override

from eval_pipeline.content.inputs import asked_text
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.import_path import resolve
from eval_pipeline.suite.spec.target import CodeTarget
from eval_pipeline.targets.python import PythonSessionFactory
from eval_pipeline.targets.wink_events import response_of, tool_events, usage_event, weakincentives
from eval_pipeline.telemetry.event import Event


class WinkTarget(CodeTarget):
    """A factory of an adapter and a prompt of WINK. All turns of an attempt are evaluated in one session of WINK.

    The factory gets `options`, and returns `(adapter, prompt)`; `prompt` is a function of a turn's input that returns
    the `Prompt` to evaluate, or, for cases without an input, a `Prompt`.
    """

    kind: Literal["wink"]

    @property
    @override
    def takes_options(self) -> bool:
        return True

    @override
    def open(self, folder: Path) -> PythonSessionFactory:
        factory = resolve(self.path, folder=folder)
        begin = functools.partial(WinkConversation, factory, dict(self.options))
        return PythonSessionFactory(lambda: begin(), factory=True)  # noqa: PLW0108 - a signature without options


class WinkConversation:
    """One attempt's session with an agent."""

    def __init__(self, factory: Callable[..., Any], options: Mapping[str, Any]) -> None:
        """Make the agent.

        Raises:
            InputError: the factory returns something else.
            PermanentError: WINK is not installed.
        """
        made = factory(**options)
        if not isinstance(made, tuple) or len(made) != 2 or not hasattr(made[0], "evaluate"):  # noqa: PLR2004
            message = f"the factory of the target returned {type(made).__name__}"
            raise InputError(Problem(message=message, fix="return `(adapter, prompt)`", field="target.path"))
        self._adapter, self._prompt = made
        events, sessions = weakincentives("runtime.events"), weakincentives("runtime.session")
        dispatcher = events.InProcessDispatcher()
        dispatcher.subscribe(events.ToolInvoked, self._tool)
        dispatcher.subscribe(events.PromptExecuted, self._executed)
        self._session = sessions.Session(dispatcher=dispatcher)
        self._events: list[Event] = []

    def send_message(self, message: Any) -> tuple[Any, list[Event]]:
        """The agent's answer to a turn, and the events on the way."""
        self._events = []
        is_function = callable(self._prompt) and not hasattr(self._prompt, "sections")
        prompt = self._prompt(_given(self._prompt, message)) if is_function else self._prompt
        with prompt.resources:
            response = self._adapter.evaluate(prompt, session=self._session)
        return response_of(response), self._events

    def _tool(self, event: Any) -> None:
        self._events += tool_events(event)

    def _executed(self, event: Any) -> None:
        usage = usage_event(event)
        self._events += [] if usage is None else [usage]


def _given(function: Callable[..., Any], message: Any) -> Any:
    """The input as the function takes it: text, where its annotation says so."""
    parameters = list(inspect.signature(function).parameters.values())
    return asked_text(message) if parameters and parameters[0].annotation in (str, "str") else message
