"""Selection by JSONPath (RFC 9535) in bounded time: its patterns are searched by `regex`, which has a time limit."""

import time
from collections.abc import Sequence
from typing import Any

import jsonpath
import regex
from jsonpath.exceptions import JSONPathRecursionError
from jsonpath.function_extensions import Match, Search
from typing_extensions import override

from eval_pipeline.errors import InputError, Problem

_SECONDS = 2.0


def select(path: str, data: Any) -> Sequence[Any]:
    """What `path` selects in `data`; nothing where it is neither a list nor an object.

    Raises:
        InputError: the selection does not end in time.
    """
    if not isinstance(data, dict | list):
        return ()
    selected = []
    environment = _BoundedEnvironment(time.monotonic() + _SECONDS)
    try:
        for node in environment.finditer(path, data):
            environment.check_time()
            selected.append(node.obj)
    except (TimeoutError, RecursionError, JSONPathRecursionError) as error:
        message = f"{path} did not select anything within {_SECONDS:g} s"
        raise InputError(Problem(message=message, fix="name the place more exactly, without `..`")) from error
    return selected


class _BoundedEnvironment(jsonpath.JSONPathEnvironment):
    def __init__(self, end: float) -> None:
        self._end = end
        super().__init__()

    def check_time(self) -> float:
        """The seconds that are left.

        Raises:
            TimeoutError: there are none.
        """
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    @override
    def setup_function_extensions(self) -> None:
        """The usual functions, with `match` and `search` bounded."""
        super().setup_function_extensions()
        self.function_extensions["match"] = _bounded(Match, self, regex.fullmatch)
        self.function_extensions["search"] = _bounded(Search, self, regex.search)

    @override
    def is_truthy(self, obj: object) -> bool:
        self.check_time()
        return super().is_truthy(obj)

    @override
    def compare(self, left: object, operator: str, right: object) -> bool:
        """As usual, with `=~` bounded."""
        seconds = self.check_time()
        if operator == "=~" and hasattr(right, "pattern") and isinstance(left, str):
            return regex.fullmatch(right.pattern, left, timeout=seconds, concurrent=True) is not None
        return super().compare(left, operator, right)


def _bounded(kind: Any, environment: _BoundedEnvironment, search: Any) -> Any:
    class Bounded(kind):  # type: ignore[misc]
        """The function with a time limit."""

        def __call__(self, value: object, pattern: object) -> bool:
            if not isinstance(value, str) or not isinstance(pattern, str):
                return False
            compiled = self.check_cache(pattern)
            seconds = environment.check_time()
            return compiled is not None and bool(search(compiled.pattern, value, timeout=seconds, concurrent=True))

    return Bounded()
