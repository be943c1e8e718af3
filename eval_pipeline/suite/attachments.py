"""The attachments of the case in progress: files that are opened, and fetched, when they are read.

They have the form in which LangSmith's SDK gives them to targets and evaluators: `{presigned_url, reader, mime_type}`.
"""

import contextlib
import contextvars
import functools
import hashlib
import io
import mimetypes
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import requests
from typing_extensions import override

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.datasets import LangSmithDatasets
from eval_pipeline.serving.loopback import is_loopback_url
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.import_path import suite_file
from eval_pipeline.suite.spec.attachment import CaseAttachment

_PIECE_BYTES = 1024 * 1024
_TIMEOUT_S = (10.0, 120.0)
"""Seconds to connect, and between two pieces."""
_current: contextvars.ContextVar["CaseAttachments | None"] = contextvars.ContextVar("attachments", default=None)


def current_attachments() -> dict[str, dict[str, Any]]:
    """The attachments of the case in progress, by name: `{presigned_url, reader, mime_type}`; `{}` outside of one.

    Every call returns new readers, each at the beginning of its file. They are closed at the end of the attempt.
    """
    opened = _current.get()
    return {} if opened is None else opened.readers()


class CaseAttachments:
    """The attachments of one attempt, and what was opened of them."""

    def __init__(self, case: Case, folder: Path) -> None:
        """`folder` is the suite's."""
        self._case, self._folder = case, folder
        self._opened: list[LazyFile] = []
        self._lock = threading.Lock()

    def readers(self) -> dict[str, dict[str, Any]]:
        """As `current_attachments`."""
        return {name: self._reader(name, attachment) for name, attachment in self._case.attachments.items()}

    def close(self) -> None:
        """Close every reader, and remove what was fetched for it."""
        with self._lock:
            opened, self._opened = self._opened, []
        for reader in opened:
            reader.close()

    def _reader(self, name: str, attachment: CaseAttachment) -> dict[str, Any]:
        place = attachment.file or attachment.url or name
        mime_type = attachment.mime_type or mimetypes.guess_type(place)[0]
        url = attachment.url or ""
        if attachment.file is not None:
            file = suite_file(attachment.file, folder=self._folder)
            reader, url = LazyFile(functools.partial(self._open_file, file, name, attachment)), file.as_uri()
        elif attachment.url is not None:
            reader = LazyFile(functools.partial(_fetched, attachment.url))
        else:
            assert attachment.langsmith is not None
            of_example = attachment.langsmith
            url = _url_of_example(of_example.example, of_example.name)
            reader = LazyFile(functools.partial(_fetched, url))
        with self._lock:
            self._opened.append(reader)
        return {"presigned_url": url, "reader": reader, "mime_type": mime_type}

    def _open_file(self, file: Path, name: str, attachment: CaseAttachment) -> BinaryIO:
        try:
            if attachment.sha256 is not None and file_digest(file) != attachment.sha256:
                fix = "launch a new run, which evaluates the case with the file as it is now"
                raise InputError(self._problem(name, f"{file} has changed since the dataset was stored", fix))
            return file.open("rb")
        except OSError as error:
            message = f"{file} cannot be read: {error.strerror or error}"
            raise InputError(self._problem(name, message, "put it there")) from error

    def _problem(self, name: str, message: str, fix: str) -> Problem:
        return Problem(message=message, fix=fix, case=self._case.id, field=f"attachments.{name}")


class LazyFile(io.RawIOBase):
    """A file that is opened when it is first read."""

    def __init__(self, open_it: Callable[[], BinaryIO]) -> None:
        super().__init__()
        self._open_it = open_it
        self._file: BinaryIO | None = None

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any) -> int:
        data = self._own.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._own.seek(offset, whence)

    @override
    def tell(self) -> int:
        return 0 if self._file is None else self._file.tell()

    def getvalue(self) -> bytes:
        """All of it, wherever it is read at, as of the readers that LangSmith's SDK gives."""
        place = self.tell()
        self.seek(0)
        content = self.read()
        self.seek(place)
        return content

    @override
    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()

    @property
    def _own(self) -> BinaryIO:
        if self.closed:
            raise ValueError("the attempt has ended, and its attachments are closed")
        if self._file is None:
            self._file = self._open_it()
        return self._file


@contextlib.contextmanager
def use_attachments(case: Case, folder: Path) -> Iterator[None]:
    """Make `current_attachments` return those of `case`, in this task and those that it starts."""
    if not case.attachments:
        yield
        return
    opened = CaseAttachments(case, folder)
    token = _current.set(opened)
    try:
        yield
    finally:
        _current.reset(token)
        opened.close()


def with_digests(case: Case, folder: Path) -> tuple[Case, list[Problem]]:
    """`case` with the digest of each of its files, and a problem for each that cannot be read."""
    problems: list[Problem] = []
    known: dict[str, CaseAttachment] = {}
    for name, attachment in case.attachments.items():
        known[name] = attachment
        if attachment.file is None:
            continue
        file = suite_file(attachment.file, folder=folder)
        try:
            known[name] = attachment.model_copy(update={"sha256": file_digest(file)})
        except OSError as error:
            message = f"{file} cannot be read: {error.strerror or error}"
            fix = "put it there, or correct the path"
            problems.append(Problem(message=message, fix=fix, field=f"attachments.{name}.file"))
    return case.model_copy(update={"attachments": known}), problems


def file_digest(file: Path) -> str:
    """The SHA-256 of a file, read in pieces; once, as long as its size and time stay the same."""
    status = file.stat()
    return _digest(file, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=100_000)
def _digest(file: Path, _size: int, _modified: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _fetched(url: str) -> BinaryIO:
    """The content of a URL in a temporary file, fetched in pieces."""
    with requests.Session() as session:
        # A proxy of the environment is not for a server on this machine.
        session.trust_env = not is_loopback_url(url)
        with session.get(url, stream=True, timeout=_TIMEOUT_S) as response:
            response.raise_for_status()
            file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the attempt
            for piece in response.iter_content(_PIECE_BYTES):
                file.write(piece)
    file.seek(0)
    return file


def _url_of_example(example_id: str, name: str) -> str:
    with LangSmithDatasets() as datasets:
        urls: Mapping[str, str] = datasets.attachment_urls(example_id)
    if name not in urls:
        fix = "add it to the example, or launch a new run"
        raise InputError(Problem(message=f"the example {example_id} has no attachment {name!r}", fix=fix))
    return urls[name]
