"""Six targets, each as LangSmith's `evaluate` takes it, and as a suite names it."""

import json
from typing import Any, TypedDict

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, StateGraph
from langsmith import traceable
from pydantic import BaseModel
from typing_extensions import override

HERE = __name__


def shown(inputs: Any) -> str:
    """Inputs as text."""
    return json.dumps(inputs, sort_keys=True, ensure_ascii=False)


def mapping(inputs: dict[str, Any]) -> dict[str, Any]:
    """Returns a mapping."""
    return {"answer": shown(inputs), "size": len(inputs), "parts": [{"key": key} for key in inputs], "nothing": None}


async def asynchronous(inputs: dict[str, Any]) -> Any:
    """Returns a mapping later, or nothing, a number or a list."""
    others: dict[str, Any] = {"topic": {}, "n": None, "order": 4.2, "content": ["a", {"b": 1}]}
    return next((value for key, value in others.items() if key in inputs), mapping(inputs))


def text(inputs: dict[str, Any]) -> str:
    """Returns text."""
    return shown(inputs)


class Verdict(BaseModel):
    """An object that a target returns."""

    size: int
    words: list[str]


def objects(inputs: dict[str, Any]) -> dict[str, Any]:
    """Returns objects."""
    documents = [Document(page_content=shown(inputs), metadata={"n": 1})]
    return {"documents": documents, "verdict": Verdict(size=len(inputs), words=["a"])}


class Retriever(BaseRetriever):
    """Finds what is asked."""

    @override
    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(page_content=query)]


@traceable(run_type="tool", name="grade")
def grade(answer: str) -> int:
    """A tool with a run."""
    return len(answer)


@traceable(name="inner")
def inner(inputs: dict[str, Any]) -> str:
    """A chain around a retriever and a tool."""
    documents = Retriever().invoke(shown(inputs))
    return f"{documents[0].page_content} {grade(answer='x')}"


def nested(inputs: dict[str, Any]) -> dict[str, Any]:
    """Makes runs."""
    return {"answer": inner(inputs)}


class State(TypedDict, total=False):
    """A state with a key for each that examples have."""

    question: str
    country: str
    topic: str
    max_words: int
    order: dict[str, Any]
    messages: list[Any]
    content: list[Any]
    lang: str
    n: float
    big: int
    text: str
    none: None
    empty: list[Any]
    input: str
    answer: str


def _answer(state: State) -> Any:
    return {"answer": RunnableLambda(shown).with_config(run_name="shown").invoke(dict(state))}


_builder: Any = StateGraph(State)
graph = _builder.add_node("answer_it", _answer).add_edge(START, "answer_it").compile()


def _invoked(inputs: dict[str, Any]) -> Any:
    """The graph, as a function: of a graph itself `evaluate` shows the arguments of `invoke` as its inputs."""
    return graph.invoke(inputs)


TARGETS: dict[str, tuple[Any, dict[str, Any]]] = {
    name: (target, {"kind": "python", "path": f"{HERE}:{name}"})
    for name, target in {
        "mapping": mapping,
        "asynchronous": asynchronous,
        "text": text,
        "objects": objects,
        "nested": nested,
    }.items()
} | {"graph": (_invoked, {"kind": "langgraph", "path": f"{HERE}:graph"})}
"""The target itself, and its entry in `suite.yaml`."""
