"""Reviews of tool calls by a human: what is under review, and decisions in the form that the graph expects.

Three forms are in use: `HITLRequest` of LangChain's middleware, with several calls, answered by `{decisions: […]}`; its
`ToolApprovalRequest` of one call, answered by a decision; and `HumanInterrupt` of LangGraph's agent inbox, a list of
requests answered by a list.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

Form = Literal["batch", "call", "inbox"]

_WORDS: Mapping[Form, Mapping[Any, str]] = {
    "batch": {True: "approve", False: "reject", "accept": "approve", "ignore": "reject", "response": "respond"},
    "call": {True: "approve", False: "reject", "accept": "approve", "ignore": "reject", "response": "respond"},
    "inbox": {True: "accept", False: "ignore", "approve": "accept", "reject": "ignore", "respond": "response"},
}
_TYPES = {"approve", "accept", "edit", "reject", "ignore", "respond", "response"}


@dataclass(frozen=True, kw_only=True)
class Review:
    """A question about tool calls."""

    form: Form
    question: Any
    actions: Sequence[Mapping[str, Any]]
    """Each with its name and arguments."""

    @classmethod
    def of(cls, question: Any) -> Self | None:
        """The review that `question` asks for, or None if it asks for something else."""
        if isinstance(question, Mapping) and _mappings(question.get("action_requests")):
            return cls(form="batch", question=question, actions=question["action_requests"])
        if isinstance(question, Mapping) and question.get("type") == "tool_approval":
            return cls(form="call", question=question, actions=[question])
        requests = question if isinstance(question, list | tuple) else [question]
        if _mappings(requests) and all(isinstance(request.get("action_request"), Mapping) for request in requests):
            return cls(form="inbox", question=question, actions=requests)
        return None

    def tool(self, action: Mapping[str, Any]) -> str:
        """The tool that an action calls."""
        request = action["action_request"] if self.form == "inbox" else action
        return str(request.get("action") if self.form == "inbox" else request.get("name"))

    def is_whole(self, answer: Any) -> bool:
        """Whether `answer` answers the whole review, in the form that the graph expects."""
        if isinstance(answer, Mapping):
            return isinstance(answer.get("decisions"), list | tuple)
        return self.form == "inbox" and _mappings(answer)

    def whole(self, answer: Any) -> Any:
        """The answer of `is_whole`, for this review."""
        return self.answer(answer["decisions"] if isinstance(answer, Mapping) else answer)

    def is_decision(self, answer: Any) -> bool:
        """Whether `answer` is a decision on one call."""
        return isinstance(answer, Mapping) and answer.get("type") in _TYPES

    def answer(self, decisions: Sequence[Any]) -> Any:
        """What the graph is resumed with.

        Args:
            decisions: on each call: `approve`, `reject` and the like, true or false, or a mapping with `type`.
        """
        read = [self._decision(decision, index) for index, decision in enumerate(decisions)]
        if self.form == "batch":
            return {"decisions": read}
        return read if self.form == "inbox" and isinstance(self.question, list | tuple) else read[0]

    def edits(self, answer: Any) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Each action that `answer` changes, as `{name, args}`, and what it becomes."""
        decisions = answer.get("decisions") if isinstance(answer, Mapping) and self.form == "batch" else answer
        decisions = decisions if isinstance(decisions, list | tuple) else [decisions]
        for action, decision in zip(self.actions, decisions, strict=False):
            if not self.is_decision(decision) or decision["type"] != "edit":
                continue
            if self.form == "inbox":
                asked, edited = action["action_request"], decision.get("args")
                own = {"name": asked.get("action"), "args": asked.get("args")}
                if isinstance(edited, Mapping) and isinstance(edited.get("args"), Mapping):
                    yield own, {"name": edited.get("action", own["name"]), "args": edited["args"]}
            elif isinstance(edited := decision.get("edited_action"), Mapping):
                yield {"name": action.get("name"), "args": action.get("args")}, edited

    def _decision(self, decision: Any, index: int) -> Any:
        words = _WORDS[self.form]
        if isinstance(decision, bool | str):
            if decision not in words and decision not in _TYPES:
                return decision
            kind = words.get(decision, decision)
            return {"type": kind, "args": None} if self.form == "inbox" else {"type": kind}
        if not self.is_decision(decision):
            return decision
        read = {**decision, "type": words.get(decision["type"], decision["type"])}
        short = self.form != "inbox" and "edited_action" not in read and "args" in read
        if read["type"] == "edit" and short and index < len(self.actions):
            read["edited_action"] = {"name": self.actions[index]["name"], "args": read.pop("args")}
        return read


def _mappings(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)
