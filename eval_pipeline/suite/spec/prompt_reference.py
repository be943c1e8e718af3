"""References to prompts, as written in `suite.yaml`: `file:prompts/support.txt` or `hub:support[:tag or commit]`."""

import re
from dataclasses import dataclass
from typing import Literal

from pydantic_core import PydanticCustomError

from eval_pipeline.errors import InputError, Problem

LATEST = "latest"
_COMMIT = re.compile(r"[0-9a-f]{8,64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:[/.][A-Za-z0-9_-]+)*")
_SEPARATOR = re.compile(r"[/.]")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, kw_only=True)
class PromptReference:
    """The place and name of a prompt, and its version in the Prompt Hub."""

    place: Literal["file", "hub"]
    name: str
    """The file's path, or the prompt's name in the workspace."""
    version: str | None = None
    """In the Prompt Hub: `latest`, a tag, or the hash of a commit, of at least eight digits."""

    @property
    def pinned(self) -> bool:
        """Whether it names a commit, which never changes."""
        return self.version is not None and _COMMIT.fullmatch(self.version) is not None

    @property
    def identifier(self) -> str:
        """The identifier that the LangSmith SDK uses."""
        return f"{self.name}:{self.version or LATEST}"

    def at(self, version: str) -> "PromptReference":
        """The same prompt at another version."""
        return PromptReference(place=self.place, name=self.name, version=version)

    def __str__(self) -> str:
        return f"file:{self.name}" if self.place == "file" else f"hub:{self.identifier}"


def hub_name(name: str) -> str:
    """The name in the Hub of a prompt with a namespace: `support--answer` of `support/answer` and `support.answer`.

    In LangSmith a name has no slash: what precedes it is the owner.
    """
    return _SEPARATOR.sub("--", name)


def parse_reference(text: str) -> PromptReference:
    """Parse a reference.

    Raises:
        InputError: it has neither form. A prompt is always one of the own workspace: those of other owners may contain
            code, and `support/answer` is the prompt `answer` of the namespace `support` (`hub_name`).
    """
    place, _, rest = text.partition(":")
    if place == "file" and rest:
        return PromptReference(place="file", name=rest)
    name, _, version = rest.partition(":")
    if place == "hub" and _NAME.fullmatch(name) and (not version or _TAG.fullmatch(version)):
        return PromptReference(place="hub", name=hub_name(name), version=version or LATEST)
    fix = "write `file:path/in/the/suite.txt` or `hub:name[:tag or commit]`, of a prompt in your own workspace"
    raise InputError(Problem(message=f"{text!r} names no prompt", fix=fix, field="target.prompt"))


def checked_reference(text: str | None, *, place: Literal["file"] | None = None) -> str | None:
    """Validate a reference, for pydantic validators; if `place` is given, the prompt must be there.

    Raises:
        PydanticCustomError: it names no prompt, or one at another place.
    """
    if text is None:
        return None
    try:
        reference = parse_reference(text)
    except InputError as error:
        reason = {"value": text, "fix": error.problems[0].fix}
        raise PydanticCustomError("prompt", "'{value}' names no prompt", reason) from error
    if place is not None and reference.place != place:
        reason = {"value": text, "fix": "write `file:path/in/the/suite.txt`"}
        raise PydanticCustomError("prompt", "'{value}' is no file", reason)
    return text
