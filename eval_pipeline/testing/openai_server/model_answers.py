"""Answers of a LangChain chat model as a provider's: what it would say, said over HTTP."""

import json
from collections.abc import Mapping
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, convert_to_messages
from langchain_core.utils.json_schema import dereference_refs

from eval_pipeline.testing.openai_server.wire import Answer, tool_call


def answers_of(model: BaseChatModel) -> Answer:
    """An `Answer` that asks `model`, with the tools of the request, or for the structure that it wants."""

    def answer(body: Mapping[str, Any]) -> Any:
        messages = convert_to_messages(body["messages"])
        wanted = (body.get("response_format") or {}).get("json_schema")
        if wanted is not None:
            function = {"name": wanted["name"], "parameters": dereference_refs(wanted["schema"])}
            said = model.invoke(messages, tools=[{"type": "function", "function": function}], tool_choice="any")
            return {"content": json.dumps(said.tool_calls[0]["args"]), "usage": _usage(said)}
        said = model.invoke(messages, tools=body.get("tools"), tool_choice=_choice(body))
        calls = [tool_call(call["name"], str(call["id"]), **call["args"]) for call in said.tool_calls]
        return {"content": said.text, "usage": _usage(said), **({"tool_calls": calls} if calls else {})}

    return answer


def _choice(body: Mapping[str, Any]) -> Any:
    """`auto` and `none` leave the choice to the model, as saying nothing does."""
    choice = body.get("tool_choice")
    return None if choice in ("auto", "none") else choice


def _usage(said: AIMessage) -> dict[str, Any]:
    usage = said.usage_metadata
    if usage is None:
        return {}
    return {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage["output_tokens"],
        "total_tokens": usage["total_tokens"],
    }
