"""`CollectedRun`: one run of LangChain, LangGraph or `@traceable`, as a `CollectingClient` keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Attachments = Mapping[str, tuple[str, bytes]]
"""Media type and content, by name."""


@dataclass(kw_only=True, slots=True)
class CollectedRun:
    """The fields of one run so far. Inputs and outputs are JSON as of the moment they were posted."""

    id: str
    parent_ids: list[str]
    """From the collected trace's root (first) to the parent (last)."""
    name: str
    run_type: str
    start_time: Any
    inputs: bytes = b"{}"
    outputs: bytes | None = None
    end_time: Any = None
    error: str | None = None
    tags: list[str] = field(default_factory=list)
    extra: Mapping[str, Any] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    attachments: Attachments = field(default_factory=dict)
    given: Any = None
    """Its inputs as the object they were, where evaluators look at the runs of the attempt."""
    returned: Any = None
    """Its outputs as the object they were, likewise."""
