"""What kinds of callables written for LangSmith can be an assertion."""

import inspect
from typing import Any

_OF_MANY = frozenset({"runs", "examples"})


def refused_form(evaluator: Any) -> tuple[str, str] | None:
    """Why `evaluator` cannot score one case, and what to do about it; None if nothing speaks against it."""
    if hasattr(evaluator, "compare_runs"):
        return "it compares the runs of several experiments", "assert `llm_preference`, which compares two answers"
    try:
        names = set(inspect.signature(evaluator).parameters)
    except (TypeError, ValueError):
        return None
    if {"runs", "example"} <= names:
        return "it compares the runs of several experiments", "assert `llm_preference`, which compares two answers"
    if names & _OF_MANY:
        return "it is a summary evaluator: it scores a whole experiment", "name an evaluator that scores one case"
    return None
