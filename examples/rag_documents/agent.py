"""A RAG graph: retrieve, grade, generate; the documents stay in the state."""

from typing import Any, TypedDict

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.retrievers import BaseRetriever
from langgraph.graph import END, START, StateGraph

from eval_pipeline.testing import ScriptedModel

NOTES = {
    "opening": "The shop opens at nine and closes at six.",
    "returns": "Returns are free within thirty days.",
    "parking": "Parking behind the shop is free for two hours.",
}


class NotesRetriever(BaseRetriever):
    """Finds notes that share a word with the question."""

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        words = {word.strip("?.,").lower() for word in query.split() if len(word) > 3}
        return [
            Document(text, metadata={"id": name})
            for name, text in NOTES.items()
            if words & {word.strip("?.,").lower() for word in text.split()}
        ]


def answer_of(messages: list[BaseMessage]) -> str:
    """Repeat the first note, or say that there is none."""
    notes = str(messages[-1].content).partition("Notes: ")[2]
    return notes.splitlines()[0] if notes.strip() else "I do not know."


retriever, model = NotesRetriever(), ScriptedModel(rule=answer_of)


class State(TypedDict, total=False):
    """What the nodes share."""

    question: str
    documents: list[Document]
    answer: str


def retrieve(state: State) -> State:
    """Find documents."""
    return {"documents": retriever.invoke(state["question"])}


def grade(state: State) -> State:
    """Keep at most two of them."""
    return {"documents": state["documents"][:2]}


def generate(state: State) -> State:
    """Answer from them."""
    notes = "\n".join(document.page_content for document in state["documents"])
    return {"answer": str(model.invoke(f"{state['question']} Notes: {notes}").content)}


builder = StateGraph(State)
builder.add_node("retrieve", retrieve)
builder.add_node("grade", grade)
builder.add_node("generate", generate)
builder.add_edge(START, "retrieve")
builder.add_edge("retrieve", "grade")
builder.add_edge("grade", "generate")
builder.add_edge("generate", END)
graph = builder.compile()
