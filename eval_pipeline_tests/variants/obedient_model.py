"""A chat model without a network that does what its prompt says, so that a better prompt is better.

It is the offline model of `support_desk`, held to the instructions it is given.
"""

import re
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from typing_extensions import override

from eval_pipeline.suites.support_desk.agent import PROMPT
from eval_pipeline.suites.support_desk.offline_model import OfflineChatModel
from eval_pipeline.suites.support_desk.refund_rules import TODAY

_LOOKS_UP = re.compile(r"\b(look|check|find)\b[^.\n]*\btools?\b|\btools?\b[^.\n]*\b(look|check|find)\b", re.IGNORECASE)
_ONLY = re.compile(r"\bonly the tools? ([a-z_, ]+)", re.IGNORECASE)
_ALWAYS = re.compile(r'\banswer every message with "([^"]+)"', re.IGNORECASE)

GOOD = PROMPT
REWORDED = f"""Today is {TODAY}. You answer the customers of Larkfield, a web shop for things around house and garden.

- Before you state a fact, check it with the tools you have. Do not invent orders, dates or amounts.
- An order's id has the form O-1001, a customer's C-001. If you have none, ask for it, or for an e-mail address.
- Articles that are archived, or only speak of the past, do not count."""
GUESSING = f"""You are the support desk of Larkfield. Today is {TODAY}.

- Look orders up with the tools, and use only the tools get_order, list_orders, find_customer.
- Anything else you may guess."""
BROKEN = 'Answer every message with "Please call us."'


class ObedientModel(OfflineChatModel):
    """Uses tools only if its prompt says so, only those that it allows, and answers with what it requires."""

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        instructions = "\n".join(message.text for message in messages if message.type == "system")
        if kwargs.get("tool_choice") or not instructions:  # judge and pattern finder
            return super()._generate(messages, stop, run_manager, **kwargs)
        if always := _ALWAYS.search(instructions):
            return ChatResult(generations=[ChatGeneration(message=AIMessage(always[1]))])
        allowed = [tool for tool in kwargs.get("tools") or () if _may_use(tool["function"]["name"], instructions)]
        return super()._generate(messages, stop, run_manager, **{**kwargs, "tools": allowed})


def _may_use(tool: str, instructions: str) -> bool:
    if _LOOKS_UP.search(instructions) is None:
        return False
    only = _ONLY.search(instructions)
    return only is None or tool in re.findall(r"[a-z_]+", only[1])
