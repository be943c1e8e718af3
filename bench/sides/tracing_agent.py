"""The agent that both sides of `bench.tracing` evaluate: a graph with five runs, and usage of tokens.

graph ─► retrieve ─► search        three documents of 300 characters
      └► answer ─► model           with usage
"""

import asyncio
from typing import Annotated, Any, TypedDict

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.graph.state import CompiledStateGraph
from langsmith import traceable
from typing_extensions import override

_DOCUMENT = "Orders are delivered within three working days unless the customer asked for another date. " * 4


class SlowModel(BaseChatModel):
    """A chat model that answers after a delay."""

    delay_s: float

    @property
    @override
    def _llm_type(self) -> str:
        return "slow-model"

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        usage = {"input_tokens": 310, "output_tokens": 24, "total_tokens": 334}
        answer = AIMessage(f"The answer to {messages[-1].content!r}: within three working days.", usage_metadata=usage)
        return ChatResult(generations=[ChatGeneration(message=answer)])

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        await asyncio.sleep(self.delay_s)
        return self._generate(messages, stop)


class State(TypedDict):
    """The state of the graph."""

    messages: Annotated[list[AnyMessage], add_messages]
    documents: list[dict[str, Any]]


@traceable(run_type="retriever")
def search(query: str) -> list[dict[str, Any]]:
    """Return three documents."""
    return [{"page_content": _DOCUMENT[:300], "metadata": {"id": f"{query}-{rank}"}} for rank in range(3)]


def build_agent(delay_s: float) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph."""
    model = SlowModel(delay_s=delay_s)

    async def retrieve(state: State) -> dict[str, Any]:
        return {"documents": search(str(state["messages"][-1].content))}

    async def answer(state: State) -> dict[str, Any]:
        documents = "\n".join(document["page_content"] for document in state["documents"])
        return {"messages": [await model.ainvoke([SystemMessage(documents), *state["messages"]])]}

    graph = StateGraph(State)
    graph.add_node("retrieve", retrieve)
    graph.add_node("answer", answer)
    graph.add_edge(START, "retrieve")
    graph.add_edge("retrieve", "answer")
    graph.add_edge("answer", END)
    return graph.compile()
