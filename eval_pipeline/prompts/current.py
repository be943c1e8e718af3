"""The current prompt, for an agent's own code: in a tool, a node, a callable, or a factory.

For example:

    from eval_pipeline import prompt_text

    def build_agent():
        return create_agent(model, tools=TOOLS, system_prompt=prompt_text(PROMPT))
"""

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.prompts import ChatPromptTemplate

from eval_pipeline.prompts.prompt import Prompt


@dataclass(frozen=True, kw_only=True)
class FilledPrompt:
    """A prompt and the values of its variables, from the target and the case."""

    prompt: Prompt
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        """The Hub's commit hash; for a file, a digest of its text."""
        return self.prompt.commit

    @property
    def template(self) -> ChatPromptTemplate:
        """The template, without values."""
        return self.prompt.template

    def messages(self, **values: Any) -> list[BaseMessage]:
        """Its messages; `values` override those it has.

        Raises:
            InputError: a variable has no value.
        """
        return self.prompt.messages({**self.values, **values})

    def text(self, **values: Any) -> str:
        """Its messages as one text; raises as `messages` does."""
        return "\n\n".join(message.text for message in self.messages(**values))


_current: ContextVar[FilledPrompt | None] = ContextVar("current_prompt", default=None)


def current_prompt() -> FilledPrompt | None:
    """The prompt of the current attempt, or, in a target's factory, of the target; None if there is none."""
    return _current.get()


def prompt_text(default: str, **values: Any) -> str:
    """The text of the current prompt, or `default` if there is none: the Hub overrides the code.

    Raises:
        InputError: a variable of the prompt has no value.
    """
    prompt = current_prompt()
    return default if prompt is None else prompt.text(**values)


@contextlib.contextmanager
def use_prompt(prompt: FilledPrompt | None) -> Iterator[None]:
    """Within it, `prompt` is the current prompt."""
    token = _current.set(prompt)
    try:
        yield
    finally:
        _current.reset(token)
