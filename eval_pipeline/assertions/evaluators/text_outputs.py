"""The outputs of a target that returned text, as evaluators get them."""

from collections.abc import Callable, Mapping
from typing import Any

from typing_extensions import override


class TextOutputs(dict[str, Any]):
    """`{output: text}`, as from LangSmith's `evaluate`, in which `response` and `messages` can be looked up as well.

    `response` is the text again, `messages` the conversation as OpenAI-style messages. They are no items: an evaluator
    that compares, counts or prints the outputs sees `output` alone.
    """

    def __init__(self, text: str, messages: Callable[[], list[dict[str, Any]]]) -> None:
        super().__init__(output=text)
        self._more: Mapping[str, Callable[[], Any]] = {"response": lambda: self["output"], "messages": messages}
        self._found: dict[str, Any] = {}

    def __missing__(self, key: str) -> Any:
        if key not in self._found:
            if key not in self._more:
                raise KeyError(key)
            self._found[key] = self._more[key]()
        return self._found[key]

    @override
    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or key in self._more

    @override
    def get(self, key: str, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default
