"""The target that is an agent behind a URL: `http`."""

import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Literal

import httpx
import jmespath
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from eval_pipeline.content.inputs import input_form, input_messages, input_text
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.messages import Message, after_last_user, answer_of, as_openai, messages_in, read_messages
from eval_pipeline.messages.content import openai_call
from eval_pipeline.messages.usage import usage_event
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.spec.expression import JmesPath
from eval_pipeline.suite.spec.target import Target
from eval_pipeline.targets.http.event_stream import json_lines, parsed, server_sent_events
from eval_pipeline.targets.http.template import checked_template, environment_of, filled
from eval_pipeline.targets.session import LiveSession, LiveSessionFactory, Reply
from eval_pipeline.telemetry.attempt_ids import attempt_ids
from eval_pipeline.telemetry.event import Event
from eval_pipeline.telemetry.trace_headers import trace_headers

_LONGEST_ANSWER = 32 * 1024 * 1024
_LONGEST_SHOWN = 500
_DEFAULT_REQUEST = {"message": "{{ message }}", "messages": "{{ messages }}", "thread_id": "{{ thread_id }}"}


class HttpTarget(Target):
    """An agent behind a URL, in any language.

    Each turn is a request. `url`, `headers` and `request` are templates: `{{ path }}` is a JMESPath into `message`
    (the turn's input), `text`, `inputs`, `messages` (OpenAI's form, this turn's included), `history`, `thread_id`,
    `case_id`, `turn`, `context`, `configurable`, `state`, `metadata`, `runtime`, `example_id`, `shared_ctx_id`, and
    `env.NAME`, an environment variable. By default the request is the input, if that is a mapping, or else
    `{message, messages, thread_id}`.

    The other paths lead into the answer: its JSON; of a stream, `{events: [{event, data}…], last, text}`, where `text`
    joins the pieces at `token`. The headers `langsmith-trace` and `baggage` let the agent continue the trace.
    """

    kind: Literal["http"]
    url: str
    """Where requests go; a template."""
    method: Literal["GET", "POST", "PUT", "PATCH"] = "POST"
    """The method of the requests."""
    headers: Mapping[str, str] = Field(default_factory=dict)
    """Headers of every request, by name; templates."""
    request: Any = None
    """The template of the body, or of the query of a `GET`."""
    outputs: JmesPath | None = None
    """By default the whole answer; of a stream, the text of its pieces, or else the last event's data."""
    text: JmesPath | None = None
    """What a person reads, a path into the answer; by default read from the outputs."""
    messages: JmesPath | None = None
    """The messages of the answer, in the form of any provider."""
    tool_calls: JmesPath | None = None
    """Mappings with `name`, `args` and, where it is there, `id` and `result`; or calls as OpenAI writes them."""
    usage: JmesPath | None = None
    """The tokens, as OpenAI or Anthropic write them; also a list of them."""
    token: JmesPath | None = None
    """A piece of the text in each event of a stream, a path into `{event, data}`."""
    joins_trace: bool = False
    """Whether the agent continues the trace, so that no runs are made of the calls that it reports."""

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if not value.startswith(("http://", "https://", "{{")):
            raise PydanticCustomError("url", "'{value}' is no URL", {"value": value, "fix": "write `https://…`"})
        return str(checked_template(value))

    @field_validator("headers", "request")
    @classmethod
    def _is_template(cls, value: Any) -> Any:
        return checked_template(value)

    @property
    @override
    def text_path(self) -> None:
        return

    @override
    def open(self, folder: Path) -> "HttpSessionFactory":
        return HttpSessionFactory(self)


class HttpSessionFactory(LiveSessionFactory):
    """Sessions with one agent."""

    def __init__(self, target: HttpTarget) -> None:
        """Nothing is asked of the agent yet.

        Raises:
            CredentialsError: a variable that the request names is not set.
        """
        self._target = target
        self._environment = environment_of([target.url, dict(target.headers), target.request])

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "HttpSession":
        """A session with a connection of its own, which keeps the cookies of an attempt."""
        del attempt
        return HttpSession(self._target, self._environment, case=case, thread_id=thread_id)


class HttpSession(LiveSession):
    """The conversation so far."""

    def __init__(self, target: HttpTarget, environment: Mapping[str, str], *, case: Case, thread_id: str) -> None:
        self._target, self._case = target, case
        self._fixed = {
            "thread_id": thread_id,
            "case_id": case.id,
            "env": environment,
            **attempt_ids(),
            "context": case.context,
            "configurable": case.configurable,
            "state": case.state,
            "metadata": case.metadata,
            "runtime": case.runtime.model_dump(exclude_none=True),
        }
        self._history: list[Any] = [*case.messages]
        self._turn = 0

    @property
    def joins_trace(self) -> bool:
        """Whether the suite says so."""
        return self._target.joins_trace

    async def begin(self) -> None:
        """Make the client."""
        # The attempt's time limit is the only one. A proxy that the environment names does not see loopback addresses.
        self._client = httpx.AsyncClient(timeout=None, follow_redirects=True)  # noqa: S113

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def send(self, message: Any) -> Reply:
        """Send one request."""
        values = {**self._fixed, **self._values(message)}
        template = self._target.request
        if template is None:
            template = "{{ message }}" if input_form(message) == "mapping" else _DEFAULT_REQUEST
        body = filled(template, values)
        headers = {name: str(value) for name, value in filled(dict(self._target.headers), values).items()}
        content = {"params": body} if self._target.method == "GET" else {"json": body}
        started = time.perf_counter()
        request = self._client.build_request(
            self._target.method,
            str(filled(self._target.url, values)),
            headers={**trace_headers(), **headers},
            **content,
        )
        response = await self._client.send(request, stream=True)
        try:
            answer, ttft_s = await self._read(response, started)
        finally:
            await response.aclose()
        reply = _Reading(self._target).reply(answer, ttft_s)
        self._history += [*input_messages(message), {"role": "assistant", "content": reply.text}]
        self._turn += 1
        return reply

    def _values(self, message: Any) -> dict[str, Any]:
        history = [as_openai(item) for item in read_messages(self._history)]
        sent = [as_openai(item) for item in read_messages(input_messages(message))]
        return {
            "message": message,
            "text": input_text(message),
            "inputs": message if input_form(message) == "mapping" else self._case.example_inputs(),
            "history": history,
            "messages": [*history, *sent],
            "turn": self._turn,
        }

    async def _read(self, response: httpx.Response, started: float) -> tuple[Any, float | None]:
        if response.is_error:
            text = (await _limited(response)).decode(errors="replace")
            raise HttpAgentError(f"{response.request.url} answered {response.status_code}: {text[:_LONGEST_SHOWN]}")
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        if kind == "text/event-stream":
            return await self._stream(server_sent_events(response.aiter_lines()), started)
        if kind in ("application/x-ndjson", "application/jsonl", "application/json-lines"):
            return await self._stream(json_lines(response.aiter_lines()), started)
        return parsed((await _limited(response)).decode(response.encoding or "utf-8", errors="replace")), None

    async def _stream(self, events: AsyncIterator[dict[str, Any]], started: float) -> tuple[Any, float | None]:
        seen: list[dict[str, Any]] = []
        pieces: list[str] = []
        ttft_s: float | None = None
        async with contextlib.aclosing(events) as reading:  # type: ignore[type-var]
            async for event in reading:
                seen.append(event)
                piece = None if self._target.token is None else jmespath.search(self._target.token, event)
                if piece:
                    ttft_s = time.perf_counter() - started if ttft_s is None else ttft_s
                    pieces.append(str(piece))
                    self.on_event({"type": "token", "content": str(piece)})
        last = seen[-1]["data"] if seen else None
        return {"events": seen, "last": last, "text": "".join(pieces)}, ttft_s

    def memory(self) -> dict[str, Any]:
        """The messages so far; what the agent remembers by the thread's id is not among them."""
        return {"history": self._history, "turn": self._turn}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._history, self._turn = list(memory["history"]), memory["turn"]


class HttpAgentError(RuntimeError):
    """The agent answered with an error; an error of its case."""


class _Reading:
    """Reads an answer by the target's paths."""

    def __init__(self, target: HttpTarget) -> None:
        self._target = target

    def reply(self, answer: Any, ttft_s: float | None) -> Reply:
        """The reply in an answer."""
        outputs = self._outputs(answer)
        text = None if self._target.text is None else self._at("text", answer)
        if text is not None and not isinstance(text, str):
            raise self._problem("text", f"is a {type(text).__name__}", "name a text")
        messages = self._messages(answer, outputs)
        events = [*answer_of(messages)[1], *self._calls(answer), *self._usage(answer)]
        return Reply(
            outputs=outputs, text=text, messages=[as_openai(item) for item in messages], events=events, ttft_s=ttft_s
        )

    def _outputs(self, answer: Any) -> Any:
        if self._target.outputs is not None:
            return self._at("outputs", answer)
        streamed = isinstance(answer, Mapping) and answer.keys() == {"events", "last", "text"}
        if not streamed:
            return answer
        return answer["text"] if self._target.token is not None else answer["last"]

    def _messages(self, answer: Any, outputs: Any) -> list[Message]:
        if self._target.messages is not None:
            return read_messages(self._at("messages", answer))
        # Where calls have a path of their own, they would be read twice.
        if self._target.tool_calls is not None or isinstance(outputs, str):
            return []
        holder = outputs.get("messages") if isinstance(outputs, Mapping) and "messages" in outputs else outputs
        messages = messages_in(holder) or []
        return read_messages(after_last_user(messages))

    def _calls(self, answer: Any) -> list[Event]:
        if self._target.tool_calls is None:
            return []
        events: list[Event] = []
        for item in self._at("tool_calls", answer, default=[]):
            if not isinstance(item, Mapping) or not ("function" in item or item.get("name")):
                raise self._problem("tool_calls", f"holds {item!r}", "name calls with `name` and `args`")
            call = openai_call(item)
            events.append({"type": "tool_call", "name": call.name, "args": call.args, "id": call.id})
            if item.get("result") is not None:
                result = item["result"]
                content = result if isinstance(result, str) else str(result)
                events.append({"type": "tool_result", "name": call.name, "id": call.id, "content": content})
        return events

    def _usage(self, answer: Any) -> list[Event]:
        if self._target.usage is None:
            return []
        usage = self._at("usage", answer, default=[])
        return [usage_event(item) for item in (usage if isinstance(usage, list) else [usage])]

    def _at(self, name: str, answer: Any, *, default: Any = None) -> Any:
        path = getattr(self._target, name)
        value = jmespath.search(path, answer)
        if value is None and default is None and name in ("text", "messages"):
            raise self._problem(name, "leads to nothing in the answer", "correct the path")
        return default if value is None else value

    def _problem(self, name: str, what: str, fix: str) -> InputError:
        message = f"`{name}: {getattr(self._target, name)}` {what}"
        return InputError(Problem(message=message, fix=fix, field=f"target.{name}"))


async def _limited(response: httpx.Response) -> bytes:
    """The body.

    Raises:
        HttpAgentError: it is longer than anything that is an answer.
    """
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > _LONGEST_ANSWER:
            message = f"{response.request.url} answered with more than {_LONGEST_ANSWER // 2**20} MiB"
            raise HttpAgentError(message)
        parts.append(part)
    return b"".join(parts)
