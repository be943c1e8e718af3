"""An agent of `create_agent`: a response format, human review of refunds, a limit of calls, a runtime context."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, ToolCallLimitMiddleware
from langchain.tools import ToolRuntime
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from eval_pipeline.testing import ScriptedModel


@dataclass
class ShopContext:
    """Who asks."""

    customer: str
    currency: str = "EUR"


class Outcome(BaseModel):
    """What the agent returns."""

    refunded: bool
    order: str
    note: str


@tool
def refund(order: str, runtime: ToolRuntime[ShopContext]) -> str:
    """Refund an order."""
    return f"refunded {order} to {runtime.context.customer} in {runtime.context.currency}"


def rule(messages: Sequence[BaseMessage]) -> AIMessage:
    """Refund, then return what came of it."""
    results = [message for message in messages if isinstance(message, ToolMessage) and message.name == "refund"]
    if not results:
        return ScriptedModel.call("refund", order=str(messages[-1].content).split()[-1])
    note = str(results[-1].content)
    order = re.search(r"refunded (\w+) to", note)
    return ScriptedModel.call("Outcome", refunded=order is not None, order=order[1] if order else "", note=note)


agent = create_agent(
    ScriptedModel(rule=rule),
    [refund],
    system_prompt="You refund orders.",
    response_format=Outcome,
    context_schema=ShopContext,
    middleware=[HumanInTheLoopMiddleware(interrupt_on={"refund": True}), ToolCallLimitMiddleware(run_limit=5)],
)
