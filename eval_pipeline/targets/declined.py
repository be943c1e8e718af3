"""Whether a human's answer declined the calls of tools that a graph asked about."""

from collections.abc import Mapping
from typing import Any

_NO = frozenset(
    {"no", "n", "reject", "rejected", "deny", "denied", "decline", "declined", "refuse", "cancel", "ignore", "skip"}
    | {"false", "stop", "abort", "response", "respond", "feedback"}
)
"""Answers, and types of decisions, with which no tool runs: what a human says instead goes to the model."""
_KINDS = ("type", "action", "decision", "status", "choice")
_FLAGS = ("approved", "approve", "accepted", "accept", "confirmed", "confirm", "ok", "allow", "allowed")


def declined_tools(question: Any, answer: Any) -> list[str] | None:
    """The names of the tools that `answer` declined; None if it declined whatever the question was about.

    The forms of LangChain's human-in-the-loop middleware, which asks about several calls at once, and of LangGraph's
    agent inbox are read call by call; in any other form the answer is about all calls that wait.
    """
    names = _asked_about(question)
    if not names:
        return None if is_no(answer) else []
    decisions = answer.get("decisions") if isinstance(answer, Mapping) and "decisions" in answer else answer
    listed = decisions if isinstance(decisions, list | tuple) else [decisions] * len(names)
    return [name for name, decision in zip(names, listed, strict=False) if is_no(decision)]


def is_no(answer: Any) -> bool:
    """Whether an answer declines."""
    if isinstance(answer, str):
        words = answer.lower().replace(",", " ").replace(".", " ").replace("!", " ").split()
        return bool(words) and words[0] in _NO
    if isinstance(answer, Mapping):
        kinds = [answer[name] for name in _KINDS if isinstance(answer.get(name), str)]
        return any(map(is_no, kinds)) or any(answer.get(name) is False for name in _FLAGS)
    if isinstance(answer, list | tuple):
        return bool(answer) and all(map(is_no, answer))
    return answer is False


def _asked_about(question: Any) -> list[str]:
    """The tools that a question of a known form is about."""
    requests: list[Any] = []
    for each in question if isinstance(question, list | tuple) else [question]:
        if isinstance(each, Mapping):
            requests += each.get("action_requests") or ()
            requests += [each["action_request"]] if each.get("action_request") else []
    named = [request.get("name") or request.get("action") for request in requests if isinstance(request, Mapping)]
    return [str(name) for name in named if name]
