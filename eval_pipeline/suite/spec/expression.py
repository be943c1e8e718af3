"""JMESPath expressions as they are written in a suite, and references to what an attempt has."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any

import jmespath
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document

PARTS = ("inputs", "outputs", "text", "state", "messages", "reference", "metadata")
"""What an expression can name of an attempt."""


def _checked_jmespath(value: Any) -> Any:
    try:
        jmespath.compile(value)
    except Exception as error:
        reason = {"reason": str(error).splitlines()[0], "fix": "correct the JMESPath expression"}
        raise PydanticCustomError("jmespath", "not a JMESPath expression: {reason}", reason) from error
    return value


def _checked_part(value: Any) -> Any:
    _checked_jmespath(value)
    name = root_of(value)
    if name is not None and name not in PARTS:
        close = difflib.get_close_matches(name, PARTS, n=1)
        fix = f"did you mean {close[0]!r}?" if close else f"begin with one of {', '.join(PARTS)}"
        raise PydanticCustomError("part", "an attempt has no '{name}'", {"name": name, "fix": fix})
    return value


JmesPath = Annotated[str, BeforeValidator(_checked_jmespath)]
PartPath = Annotated[str, BeforeValidator(_checked_part)]
"""A JMESPath into `{inputs, outputs, text, state, messages, reference, metadata}` of an attempt."""


class Reference(Document):
    """Stands for a value that each attempt has: `{ref: reference.title}`."""

    ref: PartPath

    @classmethod
    def of(cls, value: Any) -> "Reference | None":
        """The reference that a written value is; None for any other, such as a mapping that only looks like one."""
        if not (isinstance(value, Mapping) and set(value) == {"ref"} and isinstance(value["ref"], str)):
            return None
        try:
            named = root_of(value["ref"])
        except jmespath.exceptions.JMESPathError:
            return None
        return cls(ref=value["ref"]) if named in PARTS else None


_NO_FIELD = frozenset({"function_expression", "multi_select_list", "multi_select_dict"})


def root_of(expression: str) -> str | None:
    """The field that an expression begins with; None if it begins otherwise, with a function for example."""
    node = jmespath.compile(expression).parsed
    while node["type"] != "field":
        if not node.get("children") or node["type"] in _NO_FIELD:
            return None
        node = node["children"][0]
    return str(node["value"])
