"""Judges: the chat models that score, as written under `judge:` in `suite.yaml`."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document
from eval_pipeline.suite.spec.prompt_reference import checked_reference

EvidenceKind = Literal["reference", "documents", "context", "calls", "results", "state", "attachments"]
"""What a judge can be shown besides the conversation."""


def checked_evidence(value: tuple[EvidenceKind, ...] | None) -> tuple[EvidenceKind, ...] | None:
    """`value`, which names each kind once.

    Raises:
        PydanticCustomError: it names one twice.
    """
    if value is not None and len(set(value)) < len(value):
        raise PydanticCustomError("evidence", "a kind of evidence is named twice", {"fix": "name each once"})
    return value


class Corrections(Document):
    """Human verdicts on answers, shown to the judge as examples."""

    file: str | None = None
    """JSONL or Parquet: `input`, `output`, `verdict` (yes or no, a label, or a number); optionally `comment`, and
    `assertion`, the name of the only assertion that the row is an example for."""
    source: Literal["langsmith"] | None = Field(default=None, alias="from")
    """Instead of a file: the corrections that people made to this suite's experiments on LangSmith, as pulled last by
    the asset `corrections` or by `eval-pipeline corrections`."""
    limit: int = Field(default=10, ge=1)
    """The most rows shown: the last ones that fit, in the order of the file."""

    @model_validator(mode="after")
    def _has_one_source(self) -> "Corrections":
        if (self.file is None) == (self.source is None):
            reason = {"fix": "give `file`, or `from: langsmith`"}
            raise PydanticCustomError("corrections", "corrections need one source", reason)
        return self


class Judge(Document):
    """The chat model that scores by rubric, or a panel of them."""

    model: str | tuple[str, ...]
    """`provider:model`, or an import path to a LangChain chat model; several are a panel, each with one vote."""
    options: Mapping[str, Any] = Field(default_factory=dict)
    """Passed to each model: `temperature`, `base_url`, ..."""
    combine: Literal["majority", "mean"] = "majority"
    """How the votes of a panel are combined: by majority (of two labels with equal votes the lower; a draw does not
    pass), or as the mean of all scores. Numbers are always averaged."""
    instructions: str | None = None
    """Instructions for the judge, besides the built-in ones."""
    prompt: str | None = None
    """The prompt with the instructions, in the place of `instructions`: `file:path.txt`, or `hub:name`, `hub:name:tag`,
    `hub:name:commit`, without variables."""
    fallback: str | None = None
    """`file:path.txt`, for when the Hub cannot be reached and nothing was fetched before. Without it, nothing is
    evaluated then."""
    corrections: Corrections | None = None
    """Human corrections of earlier verdicts, which the judge is shown as examples."""
    evidence: tuple[EvidenceKind, ...] | None = None
    """What the judge is shown besides the conversation: `reference`, the case's; `documents` that the attempt
    retrieved, and those of the shared context for the case; `context`, its tables and patterns; `calls` of tools with
    their arguments; `results`, what they returned; `state` of the graph; `attachments` of the case, texts as text. By
    default `[reference, calls, results]`; for `llm_preference` nothing. It is quoted as data."""
    evidence_characters: int = Field(default=20_000, ge=200)
    """The most characters of each kind of evidence. Of more, each item has its share, and what is left out is said."""
    version_files: tuple[str, ...] = ()
    """Files that the models read, which their version covers besides what their source imports and names: patterns."""

    @field_validator("prompt")
    @classmethod
    def _names_a_prompt(cls, value: str | None) -> str | None:
        return checked_reference(value)

    @field_validator("evidence")
    @classmethod
    def _names_each_once(cls, value: tuple[EvidenceKind, ...] | None) -> tuple[EvidenceKind, ...] | None:
        return checked_evidence(value)

    @field_validator("fallback")
    @classmethod
    def _names_a_file(cls, value: str | None) -> str | None:
        return checked_reference(value, place="file")

    @model_validator(mode="after")
    def _falls_back_from_a_prompt(self) -> "Judge":
        if self.fallback is not None and self.prompt is None:
            raise PydanticCustomError(
                "prompt", "`fallback` without `prompt`", {"fix": "give `prompt`, or leave it out"}
            )
        return self

    @field_validator("model")
    @classmethod
    def _names_distinct_models(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not value or (len(set(value)) < len(value) and not isinstance(value, str)):
            reason = {"fix": "name one model, or several different ones"}
            raise PydanticCustomError("judge", "a panel needs members, each once", reason)
        return value

    @property
    def models(self) -> tuple[str, ...]:
        """The members of the panel; one for a single judge."""
        return (self.model,) if isinstance(self.model, str) else self.model
