"""Judges on an OpenAI-compatible server: each model answers as a test says, whatever form it is asked to fill in."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from eval_pipeline.testing.openai_server import Answer, tool_call

Thought = Mapping[str, Any] | int | str
"""The fields of the form, or an HTTP status, or text that is no form."""


def judges(think: Callable[[str, str], Thought]) -> Answer:
    """An answer for the server: `think` is given the model's name and the prompt."""

    def answer(body: Mapping[str, Any]) -> Any:
        thought = think(body["model"], body["messages"][-1]["content"])
        if isinstance(thought, int | str):
            return thought
        filled = {"reasoning": f"{body['model']} thinks so.", **thought}
        if "tools" in body:
            return {"content": None, "tool_calls": [tool_call(body["tools"][0]["function"]["name"], **filled)]}
        return json.dumps(filled)

    return answer
