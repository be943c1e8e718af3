"""The prompt that an agent works with, for its code to ask: in a tool, a node, a callable, or a factory.

from eval_pipeline.prompts.current import prompt_text

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
    """A prompt and the values it is filled with, which are those of the target and of the case."""

    prompt: Prompt
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        """The Hub's commit hash; for a file, a digest of its text."""
        return self.prompt.commit

    @property
    def template(self) -> ChatPromptTemplate:
        """The template, for those who fill it themselves."""
        return self.prompt.template

    def messages(self, **values: Any) -> list[BaseMessage]:
        """Its messages; `values` go before those it has.

        Raises:
            InputError: a variable has no value.
        """
        return self.prompt.messages({**self.values, **values})

    def text(self, **values: Any) -> str:
        """Its messages as one text; raises as `messages` does."""
        return "\n\n".join(message.text for message in self.messages(**values))


_current: ContextVar[FilledPrompt | None] = ContextVar("current_prompt", default=None)


def current_prompt() -> FilledPrompt | None:
    """The prompt of the attempt in progress, or, in a target's factory, of the target; None where there is none."""
    return _current.get()


def prompt_text(default: str, **values: Any) -> str:
    """The text of the current prompt, or `default` where there is none: the Hub overrides what is in the code.

    Raises:
        InputError: a variable of the prompt has no value.
    """
    found = current_prompt()
    return default if found is None else found.text(**values)


@contextlib.contextmanager
def use_prompt(prompt: FilledPrompt | None) -> Iterator[None]:
    """Within it, `prompt` is the current one."""
    token = _current.set(prompt)
    try:
        yield
    finally:
        _current.reset(token)
