"""Datasets on LangSmith, or on the recorder: which version of one there is, and its examples."""

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from langsmith import Client
from langsmith.schemas import Example
from langsmith.utils import LangSmithError, LangSmithNotFoundError
from pydantic import BaseModel, ConfigDict
from requests import RequestException, Response
from urllib3.util import Retry

from eval_pipeline.errors import (
    CredentialsError,
    InfrastructureError,
    InputError,
    PermanentError,
    Problem,
    TransientError,
)
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.spec.case_source import LATEST_VERSION, LangSmithDataset

_RETRIES = Retry(total=2, backoff_factor=0.2, status_forcelist=[429, 502, 503, 504], raise_on_status=False)
"""10,000 examples are a hundred requests; one that fails by chance should not cost the others."""
_REFUSED_KEY = frozenset({401, 403})
_NOT_UNDERSTOOD = range(400, 500)
_MAY_PASS = frozenset({408, 429})


class DatasetVersion(BaseModel):
    """One version of a dataset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: str
    """Its API's URL."""
    dataset_id: UUID
    name: str
    as_of: dt.datetime


class LangSmithDatasets:
    """The datasets of one workspace. Close it, or use it in a `with`.

    Every method raises CredentialsError where the key is refused, and TransientError where the server is away.
    """

    def __init__(self, settings: LangSmithSettings | None = None) -> None:
        """`settings`: by default what the environment says.

        Raises:
            InputError: the environment says something that cannot be used.
        """
        found = settings or LangSmithSettings.from_environment()
        source = found.source
        self._server = source.api_url
        self._client = Client(
            api_url=source.api_url,
            api_key=source.api_key.get_secret_value() or None,
            web_url=source.web_url,
            workspace_id=found.workspace_id if source.name == "langsmith" else None,
            timeout_ms=(int(found.connect_timeout_seconds * 1000), int(found.request_timeout_seconds * 1000)),
            retry_config=_RETRIES,
            auto_batch_tracing=False,
        )

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the sockets."""
        self._client.close(timeout=0)

    def version(self, source: LangSmithDataset) -> DatasetVersion:
        """The version that `source` names: two small requests.

        Raises:
            InputError: there is no such dataset, or no such version of it; its problem's field is one of `source`.
        """
        name = source.langsmith_dataset
        with self._errors_of(name):
            try:
                dataset = self._client.read_dataset(dataset_name=name)
            except LangSmithNotFoundError as error:
                fix = "correct its name, or the workspace (`LANGSMITH_API_KEY`, `LANGSMITH_WORKSPACE_ID`), or create it"
                message = f"there is no dataset {name!r} at {self._server}"
                raise InputError(Problem(message=message, fix=fix, field="langsmith_dataset")) from error
            moment = source.moment
            try:
                found = self._client.read_dataset_version(
                    dataset_id=dataset.id, as_of=moment, tag=source.as_of if moment is None else None
                )
            except LangSmithNotFoundError as error:
                raise InputError(_no_version(source)) from error
        return DatasetVersion(server=self._server, dataset_id=dataset.id, name=name, as_of=found.as_of)

    def examples(self, version: DatasetVersion, splits: Sequence[str] = ()) -> Iterator[Example]:
        """The examples of a version, of all splits or of some; pages of a hundred, read as they are asked for."""
        with self._errors_of(version.name):
            yield from self._client.list_examples(
                dataset_id=version.dataset_id, as_of=version.as_of, splits=list(splits) or None
            )

    @contextlib.contextmanager
    def _errors_of(self, name: str) -> Iterator[None]:
        try:
            yield
        except (LangSmithError, RequestException) as error:
            raise server_error(error, f"the dataset {name!r} cannot be read from {self._server}") from error


def no_examples(source: LangSmithDataset) -> Problem:
    """What to say of a dataset that has none, or none of the splits that are to be read."""
    name = source.langsmith_dataset
    if source.splits:
        message = f"the dataset {name!r} has no examples in {', '.join(source.splits)}"
        return Problem(message=message, fix="name splits that it has", field="splits")
    return Problem(message=f"the dataset {name!r} is empty", fix="add examples to it", field="langsmith_dataset")


def _no_version(source: LangSmithDataset) -> Problem:
    if source.as_of == LATEST_VERSION:
        return no_examples(source)
    message = f"the dataset {source.langsmith_dataset!r} has no version {source.as_of!r}"
    return Problem(message=message, fix="name one of its tags, a later time, or `latest`", field="as_of")


def server_error(error: Exception, what: str) -> InfrastructureError:
    """What failed between us and LangSmith, as an error of ours: `what` says what could not be done."""
    status = _status(error)
    if status in _REFUSED_KEY:
        fix = "set LANGSMITH_API_KEY to a valid key of this region (and LANGSMITH_WORKSPACE_ID for an organisation's)"
        return CredentialsError(f"{what}: the key is refused ({status})", fix=fix)
    if status in _NOT_UNDERSTOOD and status not in _MAY_PASS:
        return PermanentError(f"{what}: the server answers {status}", fix="see what it says, in its log or the SDK's")
    reason = "it cannot be reached" if status is None else f"it answers {status}"
    return TransientError(f"{what}: {reason}", fix="try again when it is there (a recorder: `eval-pipeline recorder`)")


def _status(error: BaseException) -> int | None:
    """What the server answered, from whatever the SDK made of it."""
    found: BaseException | None = error
    while found is not None:
        response: Any = getattr(found, "response", None)
        if isinstance(response, Response):
            return response.status_code
        found = found.__cause__ or found.__context__
    return None
