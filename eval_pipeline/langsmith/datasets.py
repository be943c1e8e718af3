"""Read datasets from LangSmith or the recorder: versions and examples."""

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin
from uuid import UUID

from langsmith.schemas import Example
from langsmith.utils import LangSmithError, LangSmithNotFoundError
from pydantic import BaseModel, ConfigDict
from requests import RequestException

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.client import make_client
from eval_pipeline.langsmith.errors import server_error
from eval_pipeline.settings import LangSmithSettings

_PAGE = 100
_SELECTED = [
    *("id", "created_at", "modified_at", "name", "dataset_id", "source_run_id"),
    *("metadata", "inputs", "outputs", "attachment_urls"),
]


class DatasetVersion(BaseModel):
    """One version of a dataset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: str
    """Its API's URL."""
    dataset_id: UUID
    name: str
    as_of: dt.datetime


class VerifiedDataset(BaseModel, frozen=True):
    """The result of comparing a dataset's examples with those it should have. Any write to it makes another version."""

    as_of: dt.datetime
    """The version that was compared."""
    content: str
    """A hash of the examples it has."""


@dataclass(frozen=True, kw_only=True)
class SyncedDataset:
    """A suite's dataset on a server, and what the last sync wrote to it."""

    dataset_id: UUID
    name: str
    as_of: dt.datetime | None
    """Its version; None while the server is unreachable, or if there is none yet."""
    created: int = 0
    updated: int = 0
    deleted: int = 0
    examples: int = 0
    example_ids: Mapping[str, UUID] = field(default_factory=dict)
    """By case id, of examples that cases were read from; other ids follow from the dataset's (`ids.example_id`)."""
    verified: VerifiedDataset | None = None
    """Spares the next comparison; None if the sync, or another process meanwhile, wrote something."""

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.created or self.updated or self.deleted)


@dataclass(frozen=True, kw_only=True)
class ListedFile:
    """An attachment of an example."""

    url: str
    """Where it can be fetched for some minutes."""
    mime_type: str | None


@dataclass(frozen=True, kw_only=True)
class ListedExample:
    """An example, and its attachments by name, which are not fetched."""

    example: Example
    files: Mapping[str, ListedFile]


def _files_of(data: dict[str, Any]) -> dict[str, ListedFile]:
    """The attachments of an example as the API writes it, from which they are removed."""
    files = data.pop("attachment_urls", None) or {}
    return {
        name.removeprefix("attachment."): ListedFile(url=file["presigned_url"], mime_type=file.get("mime_type"))
        for name, file in files.items()
        if name.startswith("attachment.")
    }


class LangSmithDatasets:
    """The datasets of one workspace. Close it, or use it in a `with`.

    Every method raises CredentialsError where the key is refused, and TransientError where the server is unreachable.
    """

    def __init__(self, settings: LangSmithSettings | None = None) -> None:
        """`settings`: by default those of the environment.

        Raises:
            InputError: a variable of the environment cannot be used.
        """
        settings = settings or LangSmithSettings.from_environment()
        self._server = settings.source.api_url
        self._client = make_client(settings.source, settings)
        self.schemas: dict[UUID, tuple[dict[str, Any] | None, dict[str, Any] | None]] = {}
        """By dataset whose version was read, the JSON Schemas of its inputs and of its outputs, where it has them."""

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the sockets."""
        self._client.close(timeout=0)

    def version(self, name: str, *, tag: str | None = None, as_of: dt.datetime | None = None) -> DatasetVersion | None:
        """The version of a dataset that has a tag, or was the newest at a time; `None` if there is none.

        Raises:
            InputError: there is no such dataset.
        """
        with self._errors_of(name):
            try:
                dataset = self._client.read_dataset(dataset_name=name)
            except LangSmithNotFoundError as error:
                fix = "correct its name, or the workspace (`LANGSMITH_API_KEY`, `LANGSMITH_WORKSPACE_ID`), or create it"
                message = f"there is no dataset {name!r} at {self._server}"
                raise InputError(Problem(message=message, fix=fix, field="langsmith_dataset")) from error
            self.schemas[dataset.id] = dataset.inputs_schema, dataset.outputs_schema
            try:
                version = self._client.read_dataset_version(dataset_id=dataset.id, as_of=as_of, tag=tag)
            except LangSmithNotFoundError:
                return None
        return DatasetVersion(server=self._server, dataset_id=dataset.id, name=name, as_of=version.as_of)

    def examples(self, version: DatasetVersion, splits: Sequence[str] = ()) -> Iterator[ListedExample]:
        """The examples of a version, of all splits or of some; pages of a hundred, read as they are asked for.

        Not by the SDK's `list_examples`, which downloads every attachment into memory.
        """
        params: dict[str, Any] = {"dataset": str(version.dataset_id), "as_of": version.as_of.isoformat()}
        params |= {"limit": _PAGE, "select": _SELECTED, **({"splits": list(splits)} if splits else {})}
        offset = 0
        with self._errors_of(version.name):
            while True:
                page = self._get("/examples", {**params, "offset": offset})
                for data in page:
                    files = _files_of(data)
                    yield ListedExample(example=Example(**data), files=files)
                offset += len(page)
                if len(page) < _PAGE:
                    return

    def examples_by_id(self, ids: Sequence[str]) -> Iterator[Example]:
        """Those of the examples that the server has, whichever their dataset."""
        with self._errors_of("of the runs"):
            for start in range(0, len(ids), _PAGE):
                page = list(ids[start : start + _PAGE])
                for data in self._get("/examples", {"id": page, "limit": _PAGE, "select": _SELECTED}):
                    _files_of(data)
                    yield Example(**data)

    def attachment_urls(self, example_id: str) -> dict[str, str]:
        """Where the attachments of an example can be fetched for now, by name."""
        with self._errors_of(f"of the example {example_id}"):
            files = _files_of(self._get(f"/examples/{example_id}", {}))
        return {name: urljoin(f"{self._server}/", file.url) for name, file in files.items()}

    def _get(self, path: str, params: dict[str, Any]) -> Any:
        return self._client.request_with_retries("GET", path, request_kwargs={"params": params}).json()

    @contextlib.contextmanager
    def _errors_of(self, name: str) -> Iterator[None]:
        try:
            yield
        except (LangSmithError, RequestException) as error:
            raise server_error(error, f"the dataset {name!r} cannot be read from {self._server}") from error
