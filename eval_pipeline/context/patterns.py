"""Patterns that a chat model finds in rows of the context, once for all cases."""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel, Field

from eval_pipeline.errors import InputError, PermanentError
from eval_pipeline.models.structured import FormReader
from eval_pipeline.models.usage import counted_usage
from eval_pipeline.results.usage import TokenUsage

PATTERNS_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("evidence", pa.list_(pa.string())),
        ("case_id", pa.string()),
    ]
)

_SYSTEM = (
    "You read records and report the patterns that recur in them. A pattern has a short title, one or two sentences of "
    "description, and as evidence the values of the first field of the records that show it. Report only what at "
    "least two records show."
)


class FoundPattern(BaseModel):
    """One pattern."""

    title: str = Field(description="A few words")
    description: str = Field(description="One or two sentences")
    evidence: list[str] = Field(description="Values of the first field of the records that show the pattern")


class FoundPatterns(BaseModel):
    """The patterns in the records."""

    patterns: list[FoundPattern]


def find_patterns(
    rows: Sequence[dict[str, Any]], *, name: str, instruction: str, model: BaseChatModel, rows_per_call: int
) -> tuple[list[dict[str, Any]], TokenUsage]:
    """Ask `model` for the patterns in `rows`, some rows at a time; patterns with the same title are merged.

    Returns:
        Rows of `PATTERNS_SCHEMA`, and the tokens used.

    Raises:
        PermanentError: the model did not answer with patterns.
    """
    merged: dict[str, FoundPattern] = {}
    reader = FormReader(model, FoundPatterns, name="the model")
    with counted_usage() as counted:
        for start in range(0, len(rows), rows_per_call):
            records = "\n".join(
                json.dumps(row, ensure_ascii=False, default=str) for row in rows[start : start + rows_per_call]
            )
            prompt = [("system", _SYSTEM), ("human", f"{instruction}\n\nRecords, one a line:\n{records}")]
            try:
                answer = reader.ask_sync(prompt, run_name=f"find_patterns:{name}")
            except InputError as error:
                raise PermanentError(
                    f"the model gave no patterns for {name!r}: {error.problems[0].message}",
                    fix="use a model that can answer in a structure",
                ) from error
            for pattern in answer.patterns:
                earlier = merged.setdefault(pattern.title.casefold(), pattern)
                earlier.evidence.extend(item for item in pattern.evidence if item not in earlier.evidence)
    return [{"name": name, **pattern.model_dump(), "case_id": None} for pattern in merged.values()], counted.total
