"""Targets as they are written under `target:`: the base classes of every kind, their registry, and the field's type."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from eval_pipeline.errors import Problem
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.code.version import (
    CoveredCode,
    covered_code,
    files_digest,
    missing_files,
    named_in,
    registered_version,
    source_digest,
)
from eval_pipeline.suite.documents.document import Document, DocumentClass
from eval_pipeline.suite.import_path import checked_import_path, import_problems, is_code_path
from eval_pipeline.suite.spec.expression import JmesPath
from eval_pipeline.suite.spec.prompt_reference import checked_reference, parse_reference
from eval_pipeline.suite.spec.registry import Registry

_OF_PROMPTS = {"prompt", "variables", "fallback"}


class Target(Document):
    """The system under test; the base class of every kind.

    A kind is a subclass with its fields, among them `kind: Literal["its_name"]`, and `open`. It is registered in
    `TARGETS`, or by another package as an entry point of the group `eval_pipeline.targets`.
    """

    kind: str
    version: str | None = None
    """By default a digest of the target's source, prompt and options."""
    version_files: tuple[str, ...] = ()
    """Files that the version covers besides what the code imports and names: patterns such as `data/*.csv`, relative to
    the suite. One that begins with `!` leaves files out."""
    options: Mapping[str, Any] = Field(default_factory=dict)
    """Given to a factory as keyword arguments; model parameters for `chat`."""

    text: JmesPath | None = None
    """What a person reads of an answer: a JMESPath into `{outputs, state, messages}` of it, by default the rule of
    `eval_pipeline.content.outputs`."""

    live: ClassVar[bool] = True
    """Whether something is run that answers the case's turns; False for recordings."""

    @property
    def text_path(self) -> str | None:
        """The path that the text of a reply is read by; None where the reply has the text already."""
        return self.text

    @property
    def takes_options(self) -> bool:
        """Whether `options` are used, so that variants may change them."""
        return False

    @property
    def prompt_reference(self) -> str | None:
        """Where its prompt is; None if it has none outside its code."""
        return None

    @property
    def models(self) -> Sequence[str]:
        """The chat models that it opens, by the names that `eval_pipeline.chat_model` takes."""
        return ()

    def open(self, folder: Path) -> Any:
        """What opens a session for each attempt: an `eval_pipeline.targets.session.SessionFactory`.

        Args:
            folder: the suite's.

        Raises:
            InputError: its import path, model or file cannot be used.
            PermanentError: a package or a key it needs is missing.
        """
        raise NotImplementedError

    def problems(self, folder: Path) -> Iterable[Problem]:
        """What is wrong with it besides its fields, each at a `field` of its own, for `eval-pipeline check`."""
        yield from missing_files(self.version_files, folder=folder)

    def problems_of_cases(self, folder: Path, cases: Sequence[Any]) -> Iterable[Problem]:
        """What of the suite's cases it cannot use, each with its `case` and `field`, for `eval-pipeline check`."""
        del folder, cases
        return ()

    def version_parts(self, folder: Path) -> Sequence[Any]:
        """What identifies it besides its fields, as JSON: digests of its source, texts of its files."""
        files, named = files_digest(self.version_files, folder=folder), named_in(self.options, folder=folder)
        return [part for part in (registered_version(type(self), folder=folder), files, named) if part]

    def covered_code(self, folder: Path) -> Mapping[str, CoveredCode | None]:
        """By import path, what its default version covers; None for a module that does not exist."""
        return {model: covered_code(model, folder=folder) for model in self.models if is_code_path(model)}

    def default_version(self, folder: Path) -> str:
        """What identifies it as it is now, where `version` is not given."""
        # Targets without a prompt keep the version that they had before there were prompts.
        left_out = set() if self.prompt_reference else {*_OF_PROMPTS}
        left_out |= {"text"} if self.text is None else set()
        fields = self.model_dump(mode="json", exclude={*left_out, *([] if self.version_files else ["version_files"])})
        return digest(fields, *self.version_parts(folder))

    @override
    @classmethod
    def class_of(cls, data: Any) -> DocumentClass:
        return TARGETS.class_of(data) if cls is Target else cls


class PromptedTarget(Target):
    """A target whose prompt is kept outside its code: in LangSmith's Prompt Hub, or in a file of the suite.

    A `chat` target begins its conversations with it. The others get it filled as `prompt`: a `python` callable whose
    signature names it, a graph in `configurable` and in the runtime context where its schema has such a field; and any
    tool, node or factory by `eval_pipeline.current_prompt`.
    """

    prompt: str | None = None
    """`file:path.txt`, or `hub:name`, `hub:name:tag`, `hub:name:commit`. It is resolved once a run."""
    variables: Mapping[str, Any] = Field(default_factory=dict)
    """The variables that the prompt must have, with their values; null where each case gives it in
    `runtime.test_data`, which goes before what is here."""
    fallback: str | None = None
    """`file:path.txt`, for when the Hub cannot be reached and nothing was fetched before. Without it, nothing is
    evaluated then."""

    @field_validator("prompt")
    @classmethod
    def _names_a_prompt(cls, value: str | None) -> str | None:
        return checked_reference(value)

    @field_validator("fallback")
    @classmethod
    def _names_a_file(cls, value: str | None) -> str | None:
        return checked_reference(value, place="file")

    @model_validator(mode="after")
    def _have_a_prompt(self) -> Self:
        alone = [name for name in ("variables", "fallback") if getattr(self, name)]
        if self.prompt is None and alone:
            reason = {"names": ", ".join(alone), "fix": "give `prompt`, or leave them out"}
            raise PydanticCustomError("prompt", "{names} without `prompt`", reason)
        return self

    @property
    @override
    def prompt_reference(self) -> str | None:
        return self.prompt

    @override
    def problems(self, folder: Path) -> Iterable[Problem]:
        yield from super().problems(folder)
        # Not `prompt`: `eval_pipeline.prompts` reports whether that is there, in its file or in the Hub.
        if self.fallback is not None:
            file = folder / parse_reference(self.fallback).name
            if not file.is_file():
                yield Problem(message=f"no file at {file}", fix="create it, or correct the path", field="fallback")


class CodeTarget(PromptedTarget):
    """A target that an import path names."""

    path: str
    """`package.module:attribute`, or `file.py:attribute` of a file in the suite's folder."""

    @field_validator("path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        return checked_import_path(value)

    @override
    def problems(self, folder: Path) -> Iterable[Problem]:
        yield from import_problems(self.path, folder=folder, field="path")
        yield from super().problems(folder)

    @override
    def version_parts(self, folder: Path) -> Sequence[Any]:
        own = source_digest(self.path, folder=folder, version_files=self.version_files)
        return [own, *super().version_parts(folder)]

    @override
    def covered_code(self, folder: Path) -> Mapping[str, CoveredCode | None]:
        return {self.path: covered_code(self.path, folder=folder, version_files=self.version_files)}


TARGETS = Registry(
    Target,
    tag="kind",
    group="eval_pipeline.targets",
    built_in={
        "python": "eval_pipeline.targets.python:PythonTarget",
        "langgraph": "eval_pipeline.targets.langgraph:LangGraphTarget",
        "remote": "eval_pipeline.targets.remote:RemoteTarget",
        "http": "eval_pipeline.targets.http.target:HttpTarget",
        "chat": "eval_pipeline.targets.chat:ChatTarget",
        "recorded": "eval_pipeline.targets.recorded:RecordedTarget",
        "wink": "eval_pipeline.targets.wink:WinkTarget",
    },
)
"""Every kind of target."""

AnyTarget = Annotated[Target, TARGETS]
"""The type of a field that holds a target of any registered kind."""
