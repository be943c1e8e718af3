"""Read the content of a message, text or blocks of any provider: text, refusal, reasoning, calls and results."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval_pipeline.messages.message import ToolCall, ToolResult

_Block = Mapping[str, Any]
_NOT_SHOWN = frozenset({"text-plain", "document", "file", "input_file", "non_standard", "citation"})
"""Types of blocks whose `text` is that of a file."""
_REASONING = frozenset({"thinking", "redacted_thinking", "reasoning", "reasoning_content", "reasoning_text"})


@dataclass(kw_only=True)
class Content:
    """What the content of one message says."""

    texts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    results: list[ToolResult] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text of all blocks, joined."""
        return "".join(self.texts)


def content_text(content: Any) -> str:
    """The content of a message as text: a string as it is, or the text blocks of a list joined."""
    return content if isinstance(content, str) else read_content(content).text


def read_content(content: Any) -> Content:
    """Read content: None, text, one block, or blocks. Images, audio and files have no text and are passed over."""
    read = Content()
    if content is None:
        return read
    if isinstance(content, str):
        read.texts.append(content)
    elif isinstance(content, Mapping):
        if not _read_block(content, read):
            read.texts.append(json.dumps(content, ensure_ascii=False, default=str))
    elif isinstance(content, Sequence) and not isinstance(content, bytes | bytearray):
        for block in content:
            if isinstance(block, str):
                read.texts.append(block)
            elif isinstance(block, Mapping):
                _read_block(block, read)
    else:
        read.texts.append(str(content))
    return read


def _read_block(block: _Block, read: Content) -> bool:
    """Read one block; False if nothing in it says what it is."""
    kind = str(block.get("type") or "")
    if (result := result_of(block)) is not None:
        read.results.append(result)
    elif (call := call_of(block)) is not None:
        read.calls.append(call)
        if kind.startswith("tool-") and "output" in block:
            read.results.append(tool_result(block["output"], call.id, call.name, failed=False))
    elif isinstance(block.get("refusal"), str):
        read.refusals.append(block["refusal"])
    elif kind in _REASONING or block.get("thought") is True or "reasoningContent" in block:
        read.reasoning.append(reasoning_text(block))
    elif kind in ("output_audio", "audio") and isinstance(block.get("transcript"), str):
        read.texts.append(block["transcript"])
    elif kind not in _NOT_SHOWN and "text" in block:
        text = block["text"]
        value = text.get("value") if isinstance(text, Mapping) else text
        read.texts += [value] if isinstance(value, str) else []
    else:
        return bool(kind)
    return True


def reasoning_text(value: Any) -> str:
    """The text of reasoning in any form: text, or a mapping or list around it."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        names = ("thinking", "reasoning", "reasoning_content", "reasoningContent", "reasoningText", "text", "summary")
        return next((text for name in (*names, "content") if (text := reasoning_text(value.get(name)))), "")
    return "".join(map(reasoning_text, value)) if isinstance(value, list | tuple) else ""


# -- calls of tools


def call_of(block: _Block) -> ToolCall | None:
    """The tool call that a block, or an item of OpenAI's responses API, is; None for any other."""
    kind = str(block.get("type") or "")
    reader = _CALLS.get(kind)
    if reader is not None and not (kind == "function" and "function" not in block):
        return reader(block)
    for key, of_key in (("toolUse", _bedrock_call), ("functionCall", _gemini_call)):
        if isinstance(block.get(key), Mapping):
            return of_key(block[key])
    if kind.startswith("tool-") and "toolCallId" in block:  # a part of the AI SDK's: `tool-<name>`
        return tool_call(block.get("toolName") or kind.removeprefix("tool-"), block.get("input"), block["toolCallId"])
    if kind.endswith("_call") and "role" not in block:
        return _built_in(block)
    return None


def tool_call(name: Any, args: Any, call_id: Any) -> ToolCall:
    """A call with its arguments as a mapping or as JSON; what is neither is kept as `{unparsed: …}`."""
    valid, read = True, args
    if not isinstance(args, Mapping):
        try:
            read = json.loads(args or "{}")
        except (ValueError, TypeError, RecursionError):
            read = None
        valid = isinstance(read, dict)
    shown = dict(read) if isinstance(read, Mapping) else {"unparsed": args}
    return ToolCall(name=str(name), args=shown, id=None if call_id is None else str(call_id), valid=valid)


def invalid_call(call: _Block) -> ToolCall:
    """One of LangChain's `invalid_tool_calls`: a call that was tried."""
    args = call.get("args")
    call_id = call.get("id")
    shown = {"unparsed": args} if args is not None else {}
    return ToolCall(name=str(call.get("name")), args=shown, id=None if call_id is None else str(call_id), valid=False)


def openai_call(call: _Block) -> ToolCall:
    """One of the `tool_calls` of OpenAI's chat API, or of LangChain's, which have `args`."""
    if isinstance(function := call.get("function"), Mapping):
        return tool_call(function.get("name"), function.get("arguments"), call.get("id"))
    if isinstance(custom := call.get("custom"), Mapping):
        return tool_call(custom.get("name"), {"input": custom.get("input")}, call.get("id"))
    args = next((call[name] for name in ("args", "arguments", "input") if name in call), None)
    return tool_call(call.get("name"), args, call.get("id", call.get("call_id")))


def _anthropic_call(block: _Block) -> ToolCall:
    return tool_call(block.get("name"), block.get("input"), block.get("id"))


def _responses_call(block: _Block) -> ToolCall:
    return tool_call(block.get("name"), block.get("arguments"), block.get("call_id", block.get("id")))


def _custom_call(block: _Block) -> ToolCall:
    return tool_call(block.get("name"), {"input": block.get("input")}, block.get("call_id", block.get("id")))


def _vercel_call(block: _Block) -> ToolCall:
    return tool_call(block.get("toolName"), block.get("input", block.get("args")), block.get("toolCallId"))


def _bedrock_call(block: _Block) -> ToolCall:
    return tool_call(block.get("name"), block.get("input"), block.get("toolUseId"))


def _gemini_call(block: _Block) -> ToolCall:
    return tool_call(block.get("name"), block.get("args"), block.get("id"))


def _built_in(block: _Block) -> ToolCall:
    """A tool that OpenAI runs itself: `web_search_call`, `file_search_call` and their like."""
    beside = ("type", "id", "call_id", "status", "results", "outputs", "output", "result")
    args = {name: value for name, value in block.items() if name not in beside and value is not None}
    return tool_call(str(block["type"]).removesuffix("_call"), args, block.get("call_id", block.get("id")))


_CALLS: Mapping[str, Callable[[_Block], ToolCall]] = {
    "tool_use": _anthropic_call,
    "server_tool_use": _anthropic_call,
    "mcp_tool_use": _anthropic_call,
    "tool_call": openai_call,
    "server_tool_call": openai_call,
    "function": openai_call,
    "invalid_tool_call": invalid_call,
    "tool-call": _vercel_call,
    "function_call": _responses_call,
    "mcp_call": _responses_call,
    "mcp_approval_request": _responses_call,
    "custom_tool_call": _custom_call,
}

# -- results of tools


def result_of(block: _Block) -> ToolResult | None:
    """The result of a tool that a block, or an item of OpenAI's responses API, is; None for any other."""
    kind = str(block.get("type") or "")
    for key in ("toolResult", "functionResponse"):
        if isinstance(inner := block.get(key), Mapping):
            content = inner.get("content", inner.get("response"))
            failed = inner.get("status") == "error"
            return tool_result(content, inner.get("toolUseId", inner.get("id")), inner.get("name"), failed=failed)
    if kind.endswith("_call_output"):
        return tool_result(block.get("output"), block.get("call_id"), block.get("name"), failed=False)
    if kind == "server_tool_result":
        failed = block.get("status") == "error"
        return tool_result(block.get("output"), block.get("tool_call_id"), None, failed=failed)
    if kind == "tool-result":
        content, failed = _vercel_output(block)
        return tool_result(content, block.get("toolCallId"), block.get("toolName"), failed=failed)
    if kind == "tool_result" or kind.endswith("_tool_result"):
        content = block.get("content")
        inner_kind = str(content.get("type") or "") if isinstance(content, Mapping) else ""
        failed = bool(block.get("is_error")) or inner_kind.endswith("_error")
        return tool_result(content, block.get("tool_use_id", block.get("tool_call_id")), None, failed=failed)
    return None


def tool_result(content: Any, call_id: Any, name: Any, *, failed: bool) -> ToolResult:
    """The result of a call; content without text, such as a mapping, as JSON."""
    return ToolResult(
        content=result_text(content),
        id=None if call_id is None else str(call_id),
        name=None if name is None else str(name),
        failed=failed,
    )


def result_text(content: Any) -> str:
    """What a tool returned as text: its text blocks joined, or else JSON."""
    if content is None or isinstance(content, str):
        return content or ""
    read = read_content(content)
    if read.texts or not content:
        return read.text
    return json.dumps(content, ensure_ascii=False, default=str)


def _vercel_output(block: _Block) -> tuple[Any, bool]:
    output = block.get("output", block.get("result"))
    if isinstance(output, Mapping) and {"type", "value"} <= set(output):
        return output["value"], str(output["type"]).startswith("error")
    return output, bool(block.get("isError"))


def without_repeated(calls: Iterable[ToolCall], others: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    """`calls`, and those of `others` with ids that are not among them: providers write calls in two places."""
    first = list(calls)
    ids = {call.id for call in first}
    return (*first, *(call for call in others if not first or (call.id is not None and call.id not in ids)))
