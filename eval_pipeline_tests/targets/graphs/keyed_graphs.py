"""Graphs whose states and contexts have keys of their own."""

import dataclasses
import operator
from typing import Annotated, Any, TypedDict

from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableConfig
from langgraph.func import entrypoint
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel

got: list[Any] = []
"""What the graphs were given, for the tests."""


class Question(BaseModel):
    """The input of a graph."""

    question: str
    top_k: int = 2


class Answer(BaseModel):
    """The output of a graph."""

    answer: str
    sources: list[str]


class Retrieval(TypedDict, total=False):
    """A state that holds documents."""

    question: str
    top_k: int
    documents: list[str]
    answer: str
    sources: list[str]


def retrieve(state: Any) -> Any:
    """Documents."""
    got.append(state)
    return {"documents": [f"{state.question} {n}" for n in range(state.top_k)]}


def generate(state: Any) -> Any:
    """An answer."""
    return {"answer": f"{len(state['documents'])} documents", "sources": state["documents"]}


def one(node: Any, schema: Any = MessagesState, **schemas: Any) -> Any:
    """A graph of one node."""
    return StateGraph(schema, **schemas).add_node("node", node).add_edge(START, "node").compile()


retrieval = (
    StateGraph(Retrieval, input_schema=Question, output_schema=Answer)
    .add_node("retrieve", retrieve, input_schema=Question)
    .add_node("generate", generate)
    .add_edge(START, "retrieve")
    .add_edge("retrieve", "generate")
    .compile()
)


class Email(TypedDict, total=False):
    """A state whose only input is a mapping."""

    email_input: dict[str, str]
    reply: str


class EmailInput(TypedDict):
    """The input."""

    email_input: dict[str, str]


email = one(lambda state: {"reply": f"Dear {state['email_input']['author']}"}, Email, input_schema=EmailInput)


class Planning(MessagesState):
    """Messages and more."""

    plan: str
    files: Annotated[list[str], operator.add]


def planning(state: Any) -> Any:
    """Answer with all that there is."""
    got.append({name: value for name, value in state.items() if name != "messages"})
    texts = [str(message.content) for message in state["messages"]]
    return {"messages": [AIMessage(" | ".join([*texts, str(state.get("plan"))]))], "files": ["b"]}


planner = one(planning, Planning)


class Two(TypedDict):
    """Two texts, neither of which is asked."""

    left: str
    right: str


two_texts = one(lambda state: {"left": state["left"] + state["right"]}, Two)


@entrypoint()
def shout(text: str) -> str:
    """An entrypoint that takes text."""
    return text.upper()


prompted = ChatPromptTemplate.from_template("{topic} in {language}") | FakeListChatModel(responses=["a poem"])
model = FakeListChatModel(responses=["said"])


@dataclasses.dataclass
class Tenant:
    """A runtime context."""

    tenant: str
    limit: int = 3
    case_id: str | None = None


@dataclasses.dataclass
class Locale:
    """A runtime context with defaults only."""

    language: str = "en"


class TenantModel(BaseModel):
    """The same, as a model."""

    tenant: str
    limit: int = 3


class TenantDict(TypedDict):
    """The same, as a typed dictionary."""

    tenant: str


def shows_context(state: Any, runtime: Runtime[Any]) -> Any:
    """Answer with the context."""
    del state
    context = runtime.context if isinstance(runtime.context, dict) else vars(runtime.context)
    return {"messages": [AIMessage(" ".join(f"{name}={context[name]}" for name in sorted(context)))]}


tenants = one(shows_context, context_schema=Tenant)
locales = one(shows_context, context_schema=Locale)
tenants_model = one(shows_context, context_schema=TenantModel)
tenants_dict = one(shows_context, context_schema=TenantDict)


def made_for(config: RunnableConfig) -> Any:
    """A factory that needs what a case says."""
    name = config["configurable"]["user_id"]
    return one(lambda _: {"messages": [AIMessage(f"for {name}")]})
