"""Session, tags, metadata and prompt of a turn, which all of its runs have."""

import contextlib
import contextvars
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TurnLabels:
    """What all runs of a turn are labelled with."""

    session_id: str | None = None
    """The conversation that the turn belongs to; LangSmith shows its traces as one thread."""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    prompt: str | None = None
    """The name of the prompt, such as `support/answer`; what precedes the last slash is its namespace."""

    @property
    def namespace(self) -> str | None:
        """The namespace of the prompt."""
        return None if self.prompt is None else self.prompt.rpartition("/")[0]

    def within(self, outer: "TurnLabels") -> "TurnLabels":
        """These labels and, where they lack something, those of an outer turn or session."""
        return TurnLabels(
            session_id=outer.session_id if self.session_id is None else self.session_id,
            tags=tuple(dict.fromkeys([*outer.tags, *self.tags])),
            metadata={**outer.metadata, **self.metadata},
            prompt=outer.prompt if self.prompt is None else self.prompt,
        )

    def to_metadata(self) -> dict[str, Any]:
        """The labels but the tags, as metadata of a run."""
        namespace, _, key = (self.prompt or "").rpartition("/")
        return {
            **self.metadata,
            **({} if self.session_id is None else {"session_id": self.session_id}),
            **({} if self.prompt is None else {"prompt_name": self.prompt, "prompt_ns": namespace, "prompt_key": key}),
        }


NO_LABELS = TurnLabels()
_session: contextvars.ContextVar[TurnLabels] = contextvars.ContextVar("telemetry_session", default=NO_LABELS)


def labels_of(
    session_id: object = None,
    tags: Iterable[str] | Mapping[str, Any] = (),
    metadata: Mapping[str, Any] | None = None,
    prompt: str | None = None,
) -> TurnLabels:
    """Labels as the functions of this package take them. Tags with values, a mapping, are metadata as well."""
    pairs = dict(tags) if isinstance(tags, Mapping) else {}
    names = [f"{name}:{value}" for name, value in pairs.items()] or ([tags] if isinstance(tags, str) else list(tags))
    return TurnLabels(
        session_id=None if session_id is None else str(session_id),
        tags=tuple(map(str, names)),
        metadata={**pairs, **(metadata or {})},
        prompt=prompt,
    )


@contextlib.contextmanager
def session(
    session_id: object,
    *,
    tags: Iterable[str] | Mapping[str, Any] = (),
    metadata: Mapping[str, Any] | None = None,
) -> Iterator[None]:
    """Within it, and in tasks that it starts, turns belong to a session, and have its tags and metadata.

    Args:
        session_id: the conversation; LangSmith shows its traces as one thread.
        tags: of every run; a mapping gives tags such as `environment:production`, and metadata.
        metadata: of every run.
    """
    token = _session.set(labels_of(session_id, tags, metadata).within(_session.get()))
    try:
        yield
    finally:
        _session.reset(token)


def session_labels() -> TurnLabels:
    """The labels of the session that this task is in."""
    return _session.get()
