"""The system under test, as written under `target:` in `suite.yaml`; one model per `kind`."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document
from eval_pipeline.suite.import_path import checked_import_path
from eval_pipeline.suite.spec.prompt_reference import checked_reference


class BaseTarget(Document):
    """What every target has."""

    version: str | None = None
    """By default a digest of the target's source, prompt and options."""
    options: Mapping[str, Any] = Field(default_factory=dict)
    """Given to a factory as keyword arguments; model parameters for `chat`."""


class PromptedTarget(BaseTarget):
    """A target whose prompt is kept outside its code: in LangSmith's Prompt Hub, or in a file of the suite.

    A `chat` target begins its conversations with it. The others get it filled as `prompt`: a `python` callable that
    asks for it, a graph in `configurable` and in the runtime context where its schema has such a field; and any tool,
    node or factory by `eval_pipeline.prompts.current`.
    """

    prompt: str | None = None
    """`file:path.txt`, or `hub:name`, `hub:name:tag`, `hub:name:commit`. What a run finds there is used to its end."""
    variables: Mapping[str, Any] = Field(default_factory=dict)
    """What the prompt must use, and what it is filled with; null where each case gives it in `runtime.test_data`,
    which goes before what is here."""
    fallback: str | None = None
    """`file:path.txt`, for when the Hub is away and nothing was fetched before."""

    @field_validator("prompt")
    @classmethod
    def _names_a_prompt(cls, value: str | None) -> str | None:
        return checked_reference(value)

    @field_validator("fallback")
    @classmethod
    def _names_a_file(cls, value: str | None) -> str | None:
        return checked_reference(value, place="file")

    @model_validator(mode="after")
    def _have_a_prompt(self) -> Self:
        alone = [name for name in ("variables", "fallback") if getattr(self, name)]
        if self.prompt is None and alone:
            reason = {"names": ", ".join(alone), "fix": "give `prompt`, or leave them out"}
            raise PydanticCustomError("prompt", "{names} without `prompt`", reason)
        return self


class PythonTarget(PromptedTarget):
    """A sync or async callable, or with `factory` a callable that makes one for each attempt.

    It is called once per turn with those of `message, history, case, thread_id, runtime` that its signature asks for,
    and returns text, or a mapping with `response` and `events`, or OpenAI-style or LangChain messages. A generator,
    sync or async, streams: it yields pieces of the answer and events, and at its end may yield one of those.
    """

    kind: Literal["python"]
    path: str
    factory: bool = False

    @field_validator("path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        return checked_import_path(value)


class LangGraphTarget(PromptedTarget):
    """A compiled graph or entrypoint, or a callable that builds one from `options`.

    By default it works on a `messages` state. With `input_key` and `output_key` each turn is one invocation on
    `{input_key: text}`, and the answer is read from `output_key`. The case's `runtime` options, `case_id` and
    `thread_id` are in `configurable`, and in the runtime context where the graph's `context_schema` has such fields.
    """

    kind: Literal["langgraph"]
    path: str
    input_key: str | None = None
    output_key: str | None = None
    recursion_limit: int = Field(default=50, ge=1)
    stream: bool = False
    """Whether answers are streamed, which tells the time to the first token (`ttft_s` of a turn)."""

    @field_validator("path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        return checked_import_path(value)


class ChatTarget(PromptedTarget):
    """A chat model by `provider:model`, with a system prompt given here, in a file of the suite, or as `prompt`.

    With `prompt`, what `system` or `system_file` says is used where no prompt can be had.
    """

    kind: Literal["chat"]
    model: str
    system: str | None = None
    system_file: str | None = None
    stream: bool = False
    """Whether answers are streamed, which tells the time to the first token (`ttft_s` of a turn)."""


class RemoteTarget(BaseTarget):
    """A graph deployed behind the LangGraph server API (`langgraph dev`, LangSmith deployments).

    It gets and gives what a `langgraph` target does, on a thread of its own for each attempt; the case's `runtime`
    options are in `configurable`.
    """

    kind: Literal["remote"]
    url: str
    graph: str
    """The graph's name, or the id of an assistant."""
    api_key_variable: str | None = None
    """The environment variable that holds the server's key."""
    headers: Mapping[str, str] = Field(default_factory=dict)
    input_key: str | None = None
    output_key: str | None = None
    recursion_limit: int = Field(default=50, ge=1)
    stream: bool = False
    """Whether answers are streamed, which tells the time to the first token (`ttft_s` of a turn)."""

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/]+(?:/\S*)?", value):
            reason = {"value": value, "fix": "write `https://…`, or `http://127.0.0.1:2024` for `langgraph dev`"}
            raise PydanticCustomError("url", "'{value}' is not the URL of a server", reason)
        return value


class RecordedTarget(BaseTarget):
    """Conversations recorded elsewhere (the cases' `recordings`): evaluated without running anything."""

    kind: Literal["recorded"]


TargetSpec = Annotated[
    PythonTarget | LangGraphTarget | RemoteTarget | ChatTarget | RecordedTarget, Discriminator("kind")
]
