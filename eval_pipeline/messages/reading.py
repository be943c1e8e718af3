"""Read messages of any form; each form has one reader here, and an unknown form is refused by name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, RemoveMessage, ToolMessage

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.messages.content import (
    Content,
    call_of,
    invalid_call,
    openai_call,
    read_content,
    reasoning_text,
    result_of,
    result_text,
    without_repeated,
)
from eval_pipeline.messages.message import Message, Role, ToolCall, ToolResult
from eval_pipeline.messages.usage import langchain_usage_event, usage_event

ROLES: Mapping[str, Role] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}
"""The roles and types that providers write, and ours."""
_FORMS = "`{role, content}`, `[role, content]`, or a message of LangChain, OpenAI, Anthropic, Gemini or Bedrock"
_FIELDS = ("content", "tool_calls", "function_call", "refusal", "parts", "reasoning_content", "audio")
_PAIR = 2


def read_messages(value: Any) -> list[Message]:
    """The messages that `value` is: one message in any form, several in a list, or a provider's whole response.

    Raises:
        InputError: a message has a form that is not known, or a role that is not.
    """
    return [message for item in _items(value) for message in _read(item)]


def is_message(value: Any) -> bool:
    """Whether `value` has the form of one message; text alone has not."""
    if isinstance(value, str):
        return False
    try:
        return bool(list(_read(value)))
    except InputError:
        return False


def messages_in(value: Any) -> list[Message] | None:
    """The messages that a target returned: one, several, or a provider's whole response; None for any other value.

    Raises:
        InputError: among messages is one whose form is not known.
    """
    value = _plain(value)
    if isinstance(value, list | tuple):
        items = [_plain(item) for item in value]
        return read_messages(items) if items and all(map(_may_be_message, items)) else None
    return read_messages(value) if _may_be_message(value) else None


def _may_be_message(value: Any) -> bool:
    if isinstance(value, BaseMessage | Message):
        return True
    if isinstance(value, list | tuple):
        return _is_pair(value)
    if not isinstance(value, Mapping):
        return False
    return "role" in value or is_message(value) or next(_response_items(value)) is not value


def _items(value: Any) -> Iterator[Any]:
    """The messages in a list, in a batch of one list, in a provider's response, or the only one."""
    value = _plain(value)
    if isinstance(value, Mapping):
        yield from _response_items(value)
    elif isinstance(value, list) or (isinstance(value, tuple) and not _is_pair(value)):
        is_batch = bool(value) and isinstance(value[0], list | tuple) and not _is_pair(value[0])
        if is_batch and len(value) > 1:
            raise _unknown(f"a batch of {len(value)} lists of messages", "give the messages of one conversation")
        for item in value[0] if is_batch else value:
            yield from _response_items(_plain(item))
    else:
        yield value


def _plain(value: Any) -> Any:
    """Messages of SDKs as the mappings that they stand for."""
    if isinstance(value, str | Mapping | list | tuple | BaseMessage | Message | None):
        return value
    if hasattr(value, "to_input_list"):  # a result of the OpenAI Agents SDK
        return list(value.to_input_list())
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return dump(mode="json", warnings=False)
    return value


def _response_items(value: Any) -> Iterator[Any]:
    """The items of a whole response of OpenAI's or Gemini's APIs, with its usage; or `value` itself."""
    if not isinstance(value, Mapping):
        yield value
        return
    usage = {"usage": value.get("usage"), "model": value.get("model")} if value.get("usage") else {}
    if isinstance(choices := value.get("choices"), list) and choices and isinstance(choices[0], Mapping):
        yield {**_mapping(choices[0].get("message")), **usage}
    elif isinstance(output := value.get("output"), list) and value.get("object") == "response":
        yield from output
        if usage:
            yield {"role": "assistant", "content": "", **usage}
    elif isinstance(candidates := value.get("candidates"), list) and candidates:
        yield {"role": "model", **_mapping(_mapping(candidates[0]).get("content"))}
    elif isinstance(output, Mapping) and isinstance(output.get("message"), Mapping):  # Bedrock's converse
        yield output["message"]
    else:
        yield value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_pair(value: Sequence[Any]) -> bool:
    return len(value) == _PAIR and isinstance(value[0], str) and value[0].lower() in ROLES


def _read(item: Any) -> Iterator[Message]:
    item = _plain(item)
    if isinstance(item, Message):
        yield item
    elif isinstance(item, str):
        yield Message(role="user", content=item, text=item)
    elif isinstance(item, RemoveMessage):
        return
    elif isinstance(item, BaseMessage):
        yield from _of_fields(_role_of_object(item), _fields_of_object(item), langchain=True)
    elif isinstance(item, list | tuple):
        if not _is_pair(item):
            raise _unknown(f"a list of {len(item)} that is no pair of role and content", f"write {_FORMS}")
        yield from _of_fields(ROLES[item[0].lower()], {"content": item[1]})
    elif isinstance(item, Mapping):
        yield from _of_mapping(item)
    else:
        raise _unknown(f"an object of the type {type(item).__name__!r}", f"write {_FORMS}")


def _role_of_object(message: BaseMessage) -> Role:
    name = message.role if isinstance(message, ChatMessage) else message.type
    return _role(name.removesuffix("MessageChunk"))


def _fields_of_object(message: BaseMessage) -> Mapping[str, Any]:
    fields = {
        "content": message.content,
        "additional_kwargs": message.additional_kwargs,
        "response_metadata": message.response_metadata,
        "id": message.id,
        "name": message.name,
    }
    if isinstance(message, AIMessage):
        calls = {"tool_calls": message.tool_calls, "invalid_tool_calls": message.invalid_tool_calls}
        return {**fields, **calls, "usage_metadata": message.usage_metadata}
    if isinstance(message, ToolMessage):
        return {**fields, "tool_call_id": message.tool_call_id, "status": message.status}
    return fields


def _of_mapping(item: Mapping[str, Any]) -> Iterator[Message]:
    """A message that is a mapping: serialized by LangChain, or with a role, or with a type, or an item of OpenAI's."""
    inner = next((item[key] for key in ("kwargs", "data", "lc_kwargs") if isinstance(item.get(key), Mapping)), None)
    if inner is not None and "role" not in item:
        yield from _serialized(item, inner)
        return
    role, kind = item.get("role"), item.get("type")
    if role is not None:
        yield from _of_fields(_role(role), item, langchain="additional_kwargs" in item)
    elif isinstance(kind, str) and (name := _langchain_role(kind)) is not None:
        yield from () if name == "remove" else _of_fields(_role(name), item, langchain=True)
    elif (call := call_of(item)) is not None:
        yield Message(role="assistant", content=[dict(item)], calls=(call,), id=_text_or_none(item.get("id")))
        if isinstance(item.get("output"), str) or item.get("error"):  # a tool that OpenAI ran itself
            text = result_text(item.get("output") or item.get("error"))
            result = ToolResult(content=text, id=call.id, name=call.name, failed=bool(item.get("error")))
            yield Message(role="tool", content=result.content, text=result.content, result=result)
    elif (returned := result_of(item)) is not None:
        yield Message(role="tool", content=item.get("output", ""), text=returned.content, result=returned)
    elif kind == "reasoning":
        yield Message(role="assistant", content=[dict(item)], reasoning=reasoning_text(item))
    elif kind not in _PASSED_OVER:
        shown = ", ".join(map(repr, list(item)[:8])) or "nothing"
        named = f" of the type {kind!r}" if isinstance(kind, str) else ""
        raise _unknown(f"a mapping{named} with {shown}", f"write {_FORMS}")


_PASSED_OVER = frozenset({"item_reference", "mcp_list_tools", "mcp_approval_response", "compaction"})
"""Items of OpenAI's responses API that say nothing."""


def _serialized(item: Mapping[str, Any], inner: Mapping[str, Any]) -> Iterator[Message]:
    """LangChain's serialized forms: `{lc, id: [… "HumanMessage"], kwargs}` and `{type: human, data}`."""
    path = item.get("id") or item.get("lc_id")
    names = [path[-1]] if isinstance(path, list) and path else []
    names += [kind for kind in (item.get("type"), inner.get("type")) if kind != "constructor"]
    name = next((role for each in names if (role := _langchain_role(str(each))) is not None), None)
    if name == "chat":
        name = str(inner.get("role"))
    if name is None:
        # JavaScript's `lc_kwargs` alone do not name the class.
        name = "tool" if "tool_call_id" in inner else "ai" if {"tool_calls", "usage_metadata"} & set(inner) else None
    if name is None:
        raise _unknown(f"a serialized object named {' '.join(map(str, names)) or 'nothing'}", f"write {_FORMS}")
    if name != "remove":
        yield from _of_fields(_role(name), inner, langchain=True)


def _langchain_role(kind: str) -> str | None:
    """`human` for LangChain's `HumanMessageChunk` and its like; None for what is no type of a message."""
    name = kind.removesuffix("Chunk").removesuffix("Message").lower()
    return name if name in ROLES or name in ("remove", "chat") else None


def _role(name: Any) -> Role:
    role = ROLES.get(str(name).lower())
    if role is None:
        raise _unknown(f"a message of the role {name!r}", f"use one of {', '.join(ROLES)}")
    return role


def _of_fields(role: Role, fields: Mapping[str, Any], *, langchain: bool = False) -> Iterator[Message]:
    """The message with these fields, and the results of tools that stand in its content, each as one of its own."""
    more = _mapping(fields.get("additional_kwargs"))
    content = _content_of(fields)
    read = read_content(content)
    name, message_id = _text_or_none(fields.get("name")), _text_or_none(fields.get("id"))
    if role == "tool" and not read.results:
        call_id = fields.get("tool_call_id", fields.get("toolCallId"))
        failed = fields.get("status") == "error" or bool(fields.get("is_error"))
        text = result_text(content)
        result = ToolResult(content=text, id=_text_or_none(call_id), name=name, failed=failed)
        yield Message(role="tool", content=content, text=text, result=result, id=message_id, name=name)
        return
    calls = _calls_of(fields, more, read) if role == "assistant" else ()
    usage = _usage_of(fields, langchain=langchain)
    refusals = [text for text in (fields.get("refusal"), more.get("refusal")) if isinstance(text, str) and text]
    refusals = [*read.refusals, *refusals[:1]] if not read.refusals else read.refusals
    says = bool(read.texts or refusals or calls or read.reasoning or not read.results)
    message = Message(
        role=role,
        content=content if content is not None else "",
        text=read.text,
        refusal="\n".join(refusals),
        reasoning="".join(read.reasoning) or _reasoning_of(fields, more),
        calls=calls,
        usage=usage,
        id=message_id,
        name=name,
    )
    results = [
        Message(role="tool", content=result.content, text=result.content, result=result) for result in read.results
    ]
    if role == "assistant" and results and calls:
        # Tools that the provider ran itself: what the model says in the same message, it says of their results.
        yield Message(role="assistant", calls=calls)
        message = replace(message, calls=())
    yield from results
    if says and role != "tool":
        yield message


def _content_of(fields: Mapping[str, Any]) -> Any:
    content = fields.get("content")
    if content is None and isinstance(parts := fields.get("parts"), list):
        return parts
    if not content and isinstance(audio := fields.get("audio"), Mapping):
        return audio.get("transcript")
    return content


def _calls_of(fields: Mapping[str, Any], more: Mapping[str, Any], read: Content) -> tuple[ToolCall, ...]:
    listed = [openai_call(call) for call in fields.get("tool_calls") or () if isinstance(call, Mapping)]
    listed += [invalid_call(call) for call in fields.get("invalid_tool_calls") or () if isinstance(call, Mapping)]
    if not listed:
        listed = [openai_call(call) for call in more.get("tool_calls") or () if isinstance(call, Mapping)]
    older = fields.get("function_call") or more.get("function_call")
    if not listed and isinstance(older, Mapping):
        listed = [openai_call({"function": older})]
    return without_repeated(listed, read.calls)


def _reasoning_of(fields: Mapping[str, Any], more: Mapping[str, Any]) -> str:
    names = ("reasoning_content", "reasoning")
    return next((text for of in (fields, more) for name in names if (text := reasoning_text(of.get(name)))), "")


def _usage_of(fields: Mapping[str, Any], *, langchain: bool) -> Any:
    metadata = _mapping(fields.get("response_metadata"))
    if isinstance(usage := fields.get("usage_metadata"), Mapping):
        model = metadata.get("model_name", metadata.get("model"))
        return langchain_usage_event(usage, model=model, message_id=fields.get("id"))
    if isinstance(usage := fields.get("usage"), Mapping) and not langchain:
        return usage_event(usage, model=fields.get("model"))
    return None


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)


def _unknown(what: str, fix: str) -> InputError:
    return InputError(Problem(message=f"not a known form of messages: {what}", fix=fix))
