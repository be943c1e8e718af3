"""A graph that takes a topic and an audience, and returns a post."""

from typing import TypedDict

from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel


class Brief(BaseModel):
    """What is asked for."""

    topic: str
    audience: str = "everyone"


class Post(BaseModel):
    """What is written."""

    title: str
    tags: list[str]


class State(TypedDict, total=False):
    """What the nodes share."""

    topic: str
    audience: str
    outline: list[str]
    title: str
    tags: list[str]


def outline(brief: Brief) -> State:
    """Plan the post."""
    return {"outline": [f"What {brief.topic} is", f"Why {brief.audience} like it"]}


def write(state: State) -> State:
    """Write it."""
    return {"title": f"{state['topic'].title()} for {state['audience']}", "tags": [state["topic"], *state["outline"]]}


builder = StateGraph(State, input_schema=Brief, output_schema=Post)
builder.add_node("outline", outline, input_schema=Brief)
builder.add_node("write", write)
builder.add_edge(START, "outline")
builder.add_edge("outline", "write")
builder.add_edge("write", END)
graph = builder.compile()
