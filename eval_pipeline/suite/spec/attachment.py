"""Attachments of a case as they are written: a file beside the suite, a URL, or a file of a LangSmith example."""

from typing import Any

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document


class ExampleFile(Document):
    """A file of a LangSmith example."""

    example: str
    """The example's id."""
    name: str
    """The name of the attachment."""
    modified_at: str | None = None
    """When the example was changed last, by which the file is another one."""


class CaseAttachment(Document):
    """A file that belongs to a case. A text is short for `{url: …}`, if it is one, or for `{file: …}`."""

    file: str | None = None
    """In the suite's folder."""
    url: str | None = None
    """Where the file is, instead of `file`."""
    langsmith: ExampleFile | None = None
    """Set for cases of a LangSmith dataset."""
    mime_type: str | None = None
    """By default what the name of the file says."""
    sha256: str | None = None
    """Of the file; computed when the case is loaded."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"url" if data.startswith(("http://", "https://")) else "file": data}
        return data

    @model_validator(mode="after")
    def _has_one_place(self) -> "CaseAttachment":
        if sum(place is not None for place in (self.file, self.url, self.langsmith)) != 1:
            raise PydanticCustomError("attachment", "an attachment has one place", {"fix": "give `file` or `url`"})
        return self
