"""Cases with a `name` instead of an `id`: the form of test definitions that LangGraph workflows are given as dicts.

    {"name": "booking", "turns": [{"user_input": "Book a table", "assertions": [{"type": "contains", "value": "ok"}]}]}

The id is made of the name. `contains` ignores case in this form; in the other form `icontains` does.
"""

import re
from collections.abc import Mapping
from typing import Any

_LONGEST_ID = 120


def is_named_case(data: Mapping[str, Any]) -> bool:
    """Whether a mapping is a case in this form."""
    return isinstance(data.get("name"), str) and "id" not in data


def id_of_name(name: str) -> str:
    """The id of a case with that name; an id is its own."""
    if not re.search(r"[^A-Za-z0-9_-]", name):
        return name
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:_LONGEST_ID]


def as_case_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the case; a name that is no id is kept in the metadata."""
    fields = {key: value for key, value in data.items() if key != "name"}
    name = data["name"]
    fields["id"] = id_of_name(name)
    if fields["id"] != name and isinstance(fields.get("metadata") or {}, Mapping):
        fields["metadata"] = {"name": name, **(fields.get("metadata") or {})}
    if isinstance(turns := fields.get("turns"), list | tuple):
        fields["turns"] = [_with_assertions(turn) if isinstance(turn, Mapping) else turn for turn in turns]
    return _with_assertions(fields)


def _with_assertions(fields: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(given := fields.get("assertions"), list | tuple):
        return dict(fields)
    return {**fields, "assertions": [_ignoring_case(assertion) for assertion in given]}


def _ignoring_case(assertion: Any) -> Any:
    if isinstance(assertion, Mapping) and assertion.get("type") == "contains":
        return {**assertion, "type": "icontains"}
    return assertion
