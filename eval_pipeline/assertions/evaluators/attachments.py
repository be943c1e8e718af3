"""The attachments of a case, as LangSmith's SDK gives those of an example to evaluators."""

import io
import mimetypes
from pathlib import Path
from typing import cast

import httpx
from langsmith.schemas import AttachmentInfo, BinaryIOLike
from typing_extensions import override

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case, CaseAttachment

_TIMEOUT_S = 60.0


def attachments_of(case: Case, *, folder: Path) -> dict[str, AttachmentInfo]:
    """Each attachment by its name; nothing is read or fetched before an evaluator reads it.

    Raises:
        InputError: a file is not there.
    """
    return {name: _info(case, name, attachment, folder) for name, attachment in case.attachments.items()}


def _info(case: Case, name: str, attachment: CaseAttachment, folder: Path) -> AttachmentInfo:
    place = attachment.file or attachment.url or ""
    mime_type = attachment.mime_type or mimetypes.guess_type(place)[0]
    if attachment.file is None:
        return AttachmentInfo(presigned_url=place, reader=_reader(_Fetched(place)), mime_type=mime_type)
    file = (folder / place).resolve()
    if not file.is_file():
        message = f"no file at {file}"
        fix = "create it, or correct the path"
        raise InputError(Problem(message=message, fix=fix, case=case.id, field=f"attachments.{name}"))
    return AttachmentInfo(presigned_url=file.as_uri(), reader=_reader(_Opened(file)), mime_type=mime_type)


def _reader(source: "_Lazy") -> BinaryIOLike:
    return cast("BinaryIOLike", io.BufferedReader(source))


class _Lazy(io.RawIOBase):
    """Bytes that are had when they are first read."""

    def __init__(self) -> None:
        super().__init__()
        self._source: io.BufferedIOBase | None = None

    def _open(self) -> io.BufferedIOBase:
        raise NotImplementedError

    @property
    def _opened(self) -> io.BufferedIOBase:
        if self._source is None:
            self._source = self._open()
        return self._source

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def readall(self) -> bytes:
        return self._opened.read()

    @override
    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        return self._opened.readinto(buffer)

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._opened.seek(offset, whence)

    @override
    def tell(self) -> int:
        return self._opened.tell()

    @override
    def close(self) -> None:
        if self._source is not None:
            self._source.close()
        super().close()


class _Opened(_Lazy):
    """A file."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    @override
    def _open(self) -> io.BufferedIOBase:
        return self._file.open("rb")


class _Fetched(_Lazy):
    """What is behind a URL."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    @override
    def _open(self) -> io.BufferedIOBase:
        response = httpx.get(self._url, follow_redirects=True, timeout=_TIMEOUT_S)
        response.raise_for_status()
        return io.BytesIO(response.content)
