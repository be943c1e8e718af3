"""What is traced: models with usage, an agent with a tool, a `@traceable` function inside a node, targets that err."""

import asyncio
import threading
import time
from typing import Annotated, Any, TypedDict

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode
from langsmith import traceable
from langsmith.run_helpers import get_current_run_tree
from typing_extensions import override

from eval_pipeline.errors import TransientError

TOKENS_PER_CALL = 12


class ToolModel(BaseChatModel):
    """Calls the tool `price` once, then says what it gave."""

    @property
    @override
    def _llm_type(self) -> str:
        return "tool-model"

    @override
    def bind_tools(self, tools: Any, **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        return self

    @override
    def with_structured_output(self, schema: Any, **kwargs: Any) -> Runnable[LanguageModelInput, Any]:
        return self | RunnableLambda(lambda _: schema(reasoning="It says a price.", passed=True))

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        usage = {"input_tokens": 10, "output_tokens": 2, "total_tokens": TOKENS_PER_CALL}
        last = messages[-1]
        if isinstance(last, ToolMessage) or last.type == "system" or "Rubric" in str(last.content):
            answer = AIMessage(f"It costs {last.content}.", usage_metadata=usage)
        else:
            call = {"name": "price", "args": {"product": str(last.content)}, "id": "call-1", "type": "tool_call"}
            answer = AIMessage("", tool_calls=[call], usage_metadata=usage)
        return ChatResult(generations=[ChatGeneration(message=answer)])


@tool
def price(product: str) -> str:
    """The price of a product."""
    return looked_up(product)


@traceable(run_type="retriever")
def looked_up(product: str) -> str:
    return f"{len(product)}.00"


class State(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def build_agent() -> CompiledStateGraph[Any, Any, Any, Any]:
    model = ToolModel().bind_tools([price])

    async def think(state: State) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    def onward(state: State) -> str:
        return "tools" if getattr(state["messages"][-1], "tool_calls", None) else END

    graph = StateGraph(State)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode([price]))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", onward, ["tools", END])
    graph.add_edge("tools", "think")
    return graph.compile()


async def interleaved(message: str) -> str:
    """Yields to the other attempts between traced calls."""
    for _ in range(3):
        await asyncio.sleep(0)
        await noted(message)
    return message


@traceable
async def noted(message: str) -> str:
    await asyncio.sleep(0)
    return message


def in_thread(message: str) -> str:
    """A sync target, which runs in a thread."""
    return f"{in_thread_inner(message)} {threading.current_thread() is threading.main_thread()}"


@traceable(run_type="tool")
def in_thread_inner(message: str) -> str:
    time.sleep(0.001)
    return message


@traceable
def failing(message: str) -> str:
    raise ValueError(f"no answer to {message}")


async def breaks(message: str) -> str:
    return failing(message)


async def unreachable(message: str) -> str:
    await noted(message)
    raise TransientError("the model is unavailable", fix="try again")


@traceable
async def sleeps(message: str) -> str:
    await asyncio.sleep(30)
    return message


async def slow(message: str) -> str:
    return await sleeps(message)


async def strange(message: str) -> None:
    """Traces by hand, with a type there is not."""
    current = get_current_run_tree()
    assert current is not None
    run = current.create_child("strange", inputs={"message": message})
    run.run_type = "strange"
    run.post()
    run.patch()


@traceable
async def hostile(message: str) -> dict[str, Any]:
    await strange(message)
    await huge(message, 2**70)
    return {"response": message}


@traceable
async def huge(message: str, number: int) -> str:
    del number
    return message * 3_000_000
