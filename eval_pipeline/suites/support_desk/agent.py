"""The agent under evaluation: a LangGraph tool-calling loop over the shop's data."""

from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langgraph.graph.state import CompiledStateGraph

from eval_pipeline.models.opening import chat_model
from eval_pipeline.prompts.current import prompt_text
from eval_pipeline.suite.import_path import is_code_path
from eval_pipeline.suites.support_desk.refund_rules import TODAY
from eval_pipeline.suites.support_desk.tools import TOOLS

PROMPT = f"""You are the support desk of Larkfield, an online shop for home and outdoor products. Today is {TODAY}.

- Look facts up with the tools before you state them; never guess an order, a date or an amount.
- Order ids look like O-1001, customer ids like C-001. Without an order id, ask for it or for the e-mail address.
- Policies change: articles with status `archived`, or whose text limits them to the past, do not apply.
- Request a refund only when the customer asks for one, and tell them what was decided and why.
- Give dates as YYYY-MM-DD and amounts with two decimals and EUR. Give numbers as digits.
- Answer in the form that is asked for: if it is JSON or a single word, write nothing else.
- Answer only what Larkfield's support can know. Decline everything else politely."""


def build_agent(model: str) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The agent on a chat model, with the prompt that the suite names (`target.prompt`), or else its own.

    Args:
        model: `provider:model`, or an import path to a `BaseChatModel`.
    """
    parameters = {} if is_code_path(model) else {"temperature": 0}
    llm = chat_model(model, folder=Path(__file__).parent, **parameters)
    return create_agent(llm, tools=TOOLS, system_prompt=prompt_text(PROMPT))
