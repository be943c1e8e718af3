"""Make a run of a span, by OpenTelemetry's `gen_ai` conventions, OpenInference's, and LangSmith's own attributes.

What no convention names stays in the metadata of the run under its own name.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid5

from eval_pipeline.langsmith.protocol.rules import RUN_TYPES
from eval_pipeline.recorder.otlp.decoding import OtelSpan, SpanEvent
from eval_pipeline.recorder.otlp.identity import run_uuid
from eval_pipeline.recorder.store.codec import from_us

EVALUATION_EVENT = "gen_ai.evaluation.result"
_TYPE_OF = {
    # OpenInference's span kinds and Traceloop's, then the operations of gen_ai.
    "llm": "llm",
    "tool": "tool",
    "retriever": "retriever",
    "embedding": "embedding",
    "chain": "chain",
    "agent": "chain",
    "reranker": "chain",
    "guardrail": "chain",
    "evaluator": "chain",
    "workflow": "chain",
    "task": "chain",
    "prompt": "prompt",
    "unknown": "chain",
    "chat": "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    "embeddings": "embedding",
    "execute_tool": "tool",
    "invoke_agent": "chain",
    "create_agent": "chain",
    "invoke_workflow": "chain",
    "retrieval": "retriever",
}
_TYPES = ("langsmith.span.kind", "openinference.span.kind", "traceloop.span.kind", "gen_ai.operation.name")
_MODELS = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name", "embedding.model_name")
_PROVIDERS = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
_PROJECTS = ("langsmith.trace.session_name", "openinference.project.name")
_THREADS = ("gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id")
_USAGE = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"),
    "total_tokens": ("gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total"),
    "input_cost": ("llm.cost.prompt",),
    "output_cost": ("llm.cost.completion",),
    "total_cost": ("llm.cost.total", "gen_ai.usage.cost"),
}
_INPUT_DETAILS = {
    "cache_read": ("gen_ai.usage.cache_read.input_tokens", "llm.token_count.prompt_details.cache_read"),
    "cache_creation": ("gen_ai.usage.cache_creation.input_tokens", "llm.token_count.prompt_details.cache_write"),
}
_OUTPUT_DETAILS = {"reasoning": ("llm.token_count.completion_details.reasoning",)}
_INPUTS = ("gen_ai.prompt", "input.value", "traceloop.entity.input", "gen_ai.tool.call.arguments")
_OUTPUTS = ("gen_ai.completion", "output.value", "traceloop.entity.output", "gen_ai.tool.call.result")
_MESSAGES_IN = ("gen_ai.input.messages", "llm.input_messages", "gen_ai.prompt")
_MESSAGES_OUT = ("gen_ai.output.messages", "llm.output_messages", "gen_ai.completion")
_MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_METADATA = "langsmith.metadata."


class _Attributes:
    """The attributes of a span, of which those that were read are left out of `rest`."""

    def __init__(self, span: OtelSpan) -> None:
        self.values = dict(span.attributes)
        for event in span.events:  # where newer instrumentation puts messages
            if event.name == "gen_ai.client.inference.operation.details":
                self.values = {**event.attributes, **self.values}
        self._read: set[str] = set()

    def first(self, names: Iterable[str]) -> Any:
        """The value of the first of these names that the span has."""
        values = [self.take(name) for name in names]
        return next((value for value in values if value not in (None, "")), None)

    def take(self, name: str) -> Any:
        """A value by its name."""
        self._read.add(name)
        return self.values.get(name)

    def under(self, prefix: str) -> dict[str, Any]:
        """The values whose names begin with a prefix, without it."""
        names = [name for name in self.values if name.startswith(prefix)]
        self._read.update(names)
        return {name.removeprefix(prefix): self.values[name] for name in names}

    @property
    def rest(self) -> dict[str, Any]:
        return {name: value for name, value in self.values.items() if name not in self._read}


def run_of(span: OtelSpan, *, project: str | None) -> dict[str, Any]:
    """A run as `POST /runs` takes it, apart from its place in its trace.

    Args:
        span: the span.
        project: the name of the project that the request is for; spans may name another one.
    """
    attributes = _Attributes(span)
    named = attributes.first(_PROJECTS) or span.resource.get("openinference.project.name")
    run_type, name = _run_type(attributes), attributes.take("langsmith.trace.name")
    inputs, outputs = _inputs(attributes, span.events), _outputs(attributes, span.events)
    tags, usage = _tags(attributes), _usage(attributes)
    parameters = {**attributes.under("gen_ai.request."), **_mapping(attributes.take("llm.invocation_parameters"))}
    tools = attributes.first(("gen_ai.tool.definitions", "llm.tools"))
    if tools is not None:
        parameters["tools"] = _parsed(tools)
    metadata = {
        **{key: value for key, value in span.resource.items() if key == "service.name"},
        **_mapping(attributes.take("metadata")),
        **({"ls_model_name": model} if (model := attributes.first(_MODELS)) else {}),
        **({"ls_provider": provider} if (provider := attributes.first(_PROVIDERS)) else {}),
        **({"thread_id": str(thread)} if (thread := attributes.first(_THREADS)) else {}),
        **attributes.under(_METADATA),
        **({"usage_metadata": usage} if usage else {}),
    }
    example = attributes.first(("langsmith.reference_example_id", "reference_example_id"))
    return {
        "name": str(name or span.name),
        "run_type": run_type,
        "session_name": str(named or project or "default"),
        "start_time": from_us(span.start_us),
        "end_time": from_us(span.end_us),
        "error": _error(span),
        "inputs": inputs,
        "outputs": outputs,
        "tags": tags,
        "extra": {
            "metadata": {**attributes.rest, "otel_scope": span.scope, **metadata},
            **({"invocation_params": parameters} if parameters else {}),
        },
        "events": [
            {"name": event.name, "time": from_us(event.time_us), "kwargs": dict(event.attributes)}
            for event in span.events
        ],
        "reference_example_id": str(example) if example else None,
    }


def feedback_of(span: OtelSpan, run_id: str) -> list[dict[str, Any]]:
    """The scores of a span: its events `gen_ai.evaluation.result`. Sent twice, they have the same ids."""
    scores = []
    for number, event in enumerate(span.events):
        key = event.attributes.get("gen_ai.evaluation.name")
        if event.name != EVALUATION_EVENT or not isinstance(key, str) or not key:
            continue
        score = event.attributes.get("gen_ai.evaluation.score.value")
        scores.append(
            {
                "id": str(uuid5(run_uuid(span.trace_id, span.span_id), f"{number}:{key}")),
                "run_id": run_id,
                "key": key[:180],
                "score": score if isinstance(score, int | float) else None,
                "value": event.attributes.get("gen_ai.evaluation.score.label"),
                "comment": event.attributes.get("gen_ai.evaluation.explanation"),
                "error": True if event.attributes.get("error.type") else None,
                "feedback_source": {"type": "otlp"},
            }
        )
    return scores


def _run_type(attributes: _Attributes) -> str:
    kind = str(attributes.first(_TYPES) or "").lower()
    if kind in RUN_TYPES:
        return kind
    calls_a_model = any(name in attributes.values for name in ("gen_ai.request.model", "llm.model_name"))
    return _TYPE_OF.get(kind, "llm" if calls_a_model else "chain")


def _usage(attributes: _Attributes) -> dict[str, Any]:
    usage = {name: _number(attributes.first(names)) for name, names in _USAGE.items()}
    for name, parts, stated in (
        ("input_token_details", _INPUT_DETAILS, "gen_ai.usage.input_token_details"),
        ("output_token_details", _OUTPUT_DETAILS, "gen_ai.usage.output_token_details"),
    ):
        details = {part: _number(attributes.first(names)) for part, names in parts.items()}
        kept = {part: number for part, number in details.items() if number is not None}
        usage[name] = {**_mapping(attributes.take(stated)), **kept} or None
    return {name: value for name, value in usage.items() if value is not None}


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _tags(attributes: _Attributes) -> list[str]:
    tags = attributes.first(("langsmith.span.tags", "tag.tags"))
    if isinstance(tags, str):
        tags = [tag.strip() for tag in tags.split(",")]
    return [str(tag) for tag in tags or () if tag] if isinstance(tags, list) else []


def _inputs(attributes: _Attributes, events: Iterable[SpanEvent]) -> dict[str, Any]:
    messages = _messages(attributes, _MESSAGES_IN)
    instructions = _parsed(attributes.take("gen_ai.system_instructions"))
    if instructions:
        messages = [{"role": "system", "content": instructions}, *messages]
    messages = messages or [
        {"role": _MESSAGE_EVENTS[event.name], **_plain(event.attributes)}
        for event in events
        if event.name in _MESSAGE_EVENTS
    ]
    value = _parsed(attributes.first(_INPUTS))
    if messages:
        return {"messages": messages}
    return value if isinstance(value, dict) else {} if value is None else {"input": value}


def _outputs(attributes: _Attributes, events: Iterable[SpanEvent]) -> dict[str, Any] | None:
    messages = _messages(attributes, _MESSAGES_OUT)
    messages = messages or [
        {"role": "assistant", **_plain(_mapping(event.attributes.get("message")) or event.attributes)}
        for event in events
        if event.name == "gen_ai.choice"
    ]
    documents = [
        {
            "page_content": document.get("document.content"),
            "metadata": {
                **_mapping(document.get("document.metadata")),
                **{name: document[f"document.{name}"] for name in ("id", "score") if f"document.{name}" in document},
            },
            "type": "Document",
        }
        for document in _listed(attributes.under("retrieval.documents."))
    ]
    value = _parsed(attributes.first(_OUTPUTS))
    if documents:
        return {"documents": documents}
    if messages:
        return {"messages": messages}
    return value if isinstance(value, dict) or value is None else {"output": value}


def _messages(attributes: _Attributes, names: Iterable[str]) -> list[dict[str, Any]]:
    """Messages as one value, or as attributes with indices (`llm.input_messages.0.message.role`)."""
    for name in names:
        value = _parsed(attributes.values.get(name)) if name.endswith("messages") else None
        if isinstance(value, list) and value:
            attributes.take(name)
            return [_plain(item) if isinstance(item, Mapping) else {"content": item} for item in value]
        if listed := _listed(attributes.under(f"{name}.")):
            return [_indexed(message) for message in listed]
    return []


def _plain(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of gen_ai in OpenAI's form: parts as content, calls and results of tools as those of its."""
    parts = message.get("parts")
    if not isinstance(parts, list):
        return dict(message)
    texts, calls = [], []
    shown: dict[str, Any] = {key: value for key, value in message.items() if key != "parts"}
    for part in parts:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == "text":
            texts.append(str(part.get("content") or ""))
        elif kind == "tool_call":
            calls.append(_call(part.get("id"), part.get("name"), part.get("arguments")))
        elif kind == "tool_call_response":
            shown |= {"role": "tool", "tool_call_id": part.get("id")}
            texts.append(_text(part.get("response", part.get("result"))))
        else:
            shown.setdefault("other_parts", []).append(part)
    return {**shown, "content": "\n".join(texts), **({"tool_calls": calls} if calls else {})}


def _indexed(fields: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name.removeprefix("message."): value for name, value in fields.items()}
    calls = [
        _call(
            call.get("id"),
            call.get("function.name", call.get("name")),
            call.get("function.arguments", call.get("arguments")),
        )
        for call in _listed(
            {
                name.removeprefix("tool_calls."): value
                for name, value in fields.items()
                if name.startswith("tool_calls.")
            },
            inner="tool_call.",
        )
    ]
    parts = [
        part.get("text") or dict(part)
        for part in _listed(
            {name.removeprefix("contents."): value for name, value in fields.items() if name.startswith("contents.")},
            inner="message_content.",
        )
    ]
    shown = {name: value for name, value in fields.items() if not name.startswith(("tool_calls.", "contents."))}
    if parts and not shown.get("content"):
        texts = all(isinstance(part, str) for part in parts)
        shown["content"] = "\n".join(map(str, parts)) if texts else parts
    return {**shown, **({"tool_calls": calls} if calls else {})}


def _call(identity: Any, name: Any, arguments: Any) -> dict[str, Any]:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": _text(arguments)}}


def _listed(values: Mapping[str, Any], *, inner: str = "") -> list[dict[str, Any]]:
    """`{"0.a": 1, "1.a": 2}` as `[{"a": 1}, {"a": 2}]`; `inner` is left out at the beginning of the names."""
    items: dict[int, dict[str, Any]] = {}
    for name, value in values.items():
        match = re.fullmatch(r"(\d{1,6})\.(.+)", name, re.DOTALL)
        if match is not None:
            items.setdefault(int(match[1]), {})[match[2].removeprefix(inner)] = value
    return [items[index] for index in sorted(items)]


def _error(span: OtelSpan) -> str | None:
    if span.error is None:
        return None  # an exception that was handled stays among the events
    exceptions = [event.attributes for event in span.events if event.name == "exception"]
    if not exceptions:
        return span.error or "error"
    last = exceptions[-1]
    title = f"{last.get('exception.type') or 'Exception'}: {last.get('exception.message') or span.error}"
    return f"{title}\n\n{last['exception.stacktrace']}" if last.get("exception.stacktrace") else title


def _parsed(value: Any) -> Any:
    """What JSON text holds; other text as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[", '"')):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _mapping(value: Any) -> dict[str, Any]:
    parsed = _parsed(value)
    return dict(parsed) if isinstance(parsed, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
