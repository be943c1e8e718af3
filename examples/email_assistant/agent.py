"""An e-mail assistant: it sorts an e-mail, drafts a reply, and asks its owner before it sends."""

from typing import Literal, TypedDict

from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from eval_pipeline.testing import ScriptedModel


class StateInput(TypedDict):
    """What the assistant is given."""

    email_input: dict[str, str]


class State(MessagesState):
    """What the nodes share."""

    email_input: dict[str, str]
    classification: Literal["ignore", "notify", "respond"]


@tool
def write_email(to: str, content: str) -> str:
    """Send an e-mail."""
    return f"sent to {to}: {content}"


def draft(messages: list[object]) -> AIMessage | str:
    """Call `write_email` once, then say so."""
    if isinstance(messages[-1], ToolMessage):
        return f"Done: {messages[-1].content}"
    author = str(getattr(messages[-1], "content", "")).partition("From: ")[2].split("\n")[0]
    return ScriptedModel.call("write_email", to=author, content="Thank you, I will look at it.")


model = ScriptedModel(rule=draft)


def triage(state: State) -> Command[Literal["respond", "__end__"]]:
    """Sort the e-mail."""
    email = state["email_input"]
    if "newsletter" in email["subject"].lower():
        return Command(goto=END, update={"classification": "ignore"})
    if "outage" in email["subject"].lower():
        return Command(goto=END, update={"classification": "notify"})
    text = f"From: {email['author']}\nSubject: {email['subject']}\n{email['thread']}"
    return Command(
        goto="respond", update={"classification": "respond", "messages": [{"role": "user", "content": text}]}
    )


def respond(state: State) -> dict[str, object]:
    """Let the model draft a reply, or end."""
    return {"messages": [model.invoke(state["messages"])]}


def review(state: State) -> Command[Literal["respond", "__end__"]]:
    """Ask the owner before an e-mail is sent, as an agent for LangGraph's inbox does."""
    call = state["messages"][-1].tool_calls[0]
    request = {
        "action_request": {"action": call["name"], "args": call["args"]},
        "config": {"allow_ignore": True, "allow_respond": True, "allow_edit": True, "allow_accept": True},
        "description": f"To {call['args']['to']}: {call['args']['content']}",
    }
    response = interrupt([request])[0]
    if response["type"] == "ignore":
        return Command(goto=END, update={"messages": [ToolMessage("ignored", tool_call_id=call["id"])]})
    if response["type"] == "response":
        content = f"the owner says: {response['args']}"
        return Command(goto="respond", update={"messages": [ToolMessage(content, tool_call_id=call["id"])]})
    args = response["args"]["args"] if response["type"] == "edit" else call["args"]
    return Command(
        goto="respond", update={"messages": [ToolMessage(write_email.invoke(args), tool_call_id=call["id"])]}
    )


builder = StateGraph(State, input_schema=StateInput)
builder.add_node("triage", triage)
builder.add_node("respond", respond)
builder.add_node("review", review)
builder.add_edge(START, "triage")
builder.add_conditional_edges(
    "respond", lambda state: "review" if state["messages"][-1].tool_calls else END, ["review", END]
)
email_assistant = builder.compile()
