"""An agent that is a loop over OpenAI's SDK: it calls tools until the model answers.

`OPENAI_BASE_URL` and `OPENAI_API_KEY` say which server answers.
"""

import json
from typing import Any

from langsmith.wrappers import wrap_openai
from openai import AsyncOpenAI

PRICES = {"tea": 4.2, "milk": 1.1}
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "price",
            "description": "The price of a product.",
            "parameters": {"type": "object", "properties": {"product": {"type": "string"}}, "required": ["product"]},
        },
    }
]


async def answer(message: str, history: list[Any]) -> str:
    """Answer one message of the user."""
    async with AsyncOpenAI() as client:
        wrap_openai(client)
        messages: list[Any] = [*history, {"role": "user", "content": message}]
        for _ in range(5):
            completion = await client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=TOOLS)
            choice = completion.choices[0].message
            if not choice.tool_calls:
                return choice.content or ""
            messages.append(choice.model_dump(exclude_none=True))
            for call in choice.tool_calls:
                arguments = json.loads(call.function.arguments)
                content = str(PRICES.get(arguments["product"], "unknown"))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": content})
    return "I give up."
