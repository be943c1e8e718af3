"""A WINK agent whose provider is scripted: its adapter calls the prompt's tools and answers."""

import dataclasses
import datetime as dt
from typing import Any

import pytest

pytest.importorskip("weakincentives", reason="WINK needs Python 3.12: install eval_pipeline[wink] there")

from weakincentives.adapters.core import PromptResponse, ProviderAdapter
from weakincentives.budget import TokenUsage
from weakincentives.prompt import MarkdownSection, Prompt, PromptTemplate, Tool, ToolResult
from weakincentives.runtime.events import PromptExecuted, PromptRendered, ToolInvoked


@dataclasses.dataclass(frozen=True)
class Question:
    """What the user asks."""

    text: str


@dataclasses.dataclass(frozen=True)
class Order:
    """The parameters of the tool."""

    order: str


@dataclasses.dataclass(frozen=True)
class Found:
    """The result of the tool."""

    place: str

    def render(self) -> str:
        return self.place


def find_order(params: Order, *, context: Any) -> ToolResult[Found]:
    """The tool's handler."""
    del context
    return ToolResult.ok(Found(place=f"{params.order} is shipped"), message="found")


def a_template() -> PromptTemplate[Any]:
    tool = Tool[Order, Found](name="find_order", description="Finds an order.", handler=find_order)
    section = MarkdownSection[Question](
        title="Task", template="Answer kindly: ${text} {braces}", key="task", tools=[tool]
    )
    return PromptTemplate(ns="support", key="answer", name="support answer", sections=[section])


def a_prompt(text: str = "Where is A-1?", **fields: Any) -> Prompt[Any]:
    return Prompt(a_template(), **fields).bind(Question(text=text))


class ScriptedAdapter(ProviderAdapter[Any]):
    """Calls `find_order`, in it evaluates another prompt if `inner` is given, and answers with the rendered prompt."""

    def __init__(self, *, fails: bool = False) -> None:
        self.inner: Prompt[Any] | None = None
        self.fails = fails

    def evaluate(self, prompt: Any, *, session: Any, **options: Any) -> PromptResponse[Any]:
        del options
        if self.fails:
            raise ValueError("no answer")
        rendered = prompt.render()
        own = {"adapter": "scripted", "session_id": session.session_id}
        names = {"prompt_ns": prompt.ns, "prompt_key": prompt.key, "prompt_name": prompt.name}
        session.dispatcher.dispatch(
            PromptRendered(
                **names,
                **own,
                render_inputs=prompt.params,
                rendered_prompt=rendered.text,
                created_at=now(),
                descriptor=prompt.descriptor,
            )
        )
        inner, self.inner = self.inner, None
        if inner is not None:
            self.evaluate(inner, session=session)
        name = prompt.name or f"{prompt.ns}/{prompt.key}"
        result = find_order(Order(order="A-1"), context=None)
        session.dispatcher.dispatch(
            ToolInvoked(
                prompt_name=name,
                **own,
                name="find_order",
                params=Order(order="A-1"),
                result=result,
                rendered_output="A-1 is shipped",
                created_at=now(),
                call_id="1",
            )
        )
        response: PromptResponse[Any] = PromptResponse(prompt_name=name, text=rendered.text, output=None)
        usage = TokenUsage(input_tokens=10, output_tokens=2)
        session.dispatcher.dispatch(
            PromptExecuted(prompt_name=name, **own, result=response, created_at=now(), usage=usage)
        )
        return response


def now() -> dt.datetime:
    return dt.datetime.now(tz=dt.UTC)


def make_agent() -> tuple[ScriptedAdapter, Any]:
    """The factory of the target `kind: wink`."""

    def prompt_for(text: str) -> Prompt[Any]:
        return a_prompt(text)

    return ScriptedAdapter(), prompt_for
