"""Encode and decode request bodies: compression, multipart and JSON, each with its limit."""

import json
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from typing import Any

import orjson
import zstandard

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, too_large, unprocessable

_INT64 = range(-(2**63), 2**64)
# Every digit becomes "0", so that one substring search finds a long number; a regular expression takes far longer.
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of a multipart body: its field name, media type without parameters, and bytes."""

    name: str
    content_type: str
    data: bytes


def decompress(raw: bytes, encoding: str | None, *, limit: int) -> bytes:
    """Undo a `Content-Encoding` of zstd, gzip, deflate or none.

    Raises:
        ErrorResponse: 413 if the result is larger than `limit` bytes (checked while inflating, so a bomb takes at most
            `limit` of memory), 415 for an unknown encoding, 422 for broken data.
    """
    match (encoding or "identity").strip().lower():
        case "" | "identity":
            return raw
        case "zstd":
            data = _inflate_zstd(raw, limit)
        case "gzip":
            data = _inflate_zlib(raw, limit, 31)
        case "deflate":
            data = _inflate_zlib(raw, limit, 15)
        case other:
            raise ErrorResponse(415, {"error": f"Unsupported media type: Content-Encoding {other}"})
    if len(data) > limit:
        raise too_large(f"more than {limit} bytes after decompression")
    return data


def _inflate_zstd(raw: bytes, limit: int) -> bytes:
    # Frames of the SDK carry no content size, so the one-shot call refuses them; the reader also stops at the limit.
    try:
        with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as reader:
            return reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise unprocessable(f"error reading zstd data: {error}") from error


def _inflate_zlib(raw: bytes, limit: int, wbits: int) -> bytes:
    try:
        return zlib.decompressobj(wbits=wbits).decompress(raw, limit + 1)
    except zlib.error as error:
        raise unprocessable(f"error reading compressed data: {error}") from error


def parse_multipart(body: bytes, content_type: str) -> list[Part]:
    """Split a `multipart/form-data` body (RFC 7578) into its parts, in order.

    Raises:
        ErrorResponse: 422 with the published text (langsmith-sdk#1756) for a body that ends early or is no multipart.
    """
    boundary = _parameter(content_type, "boundary")
    if not content_type.lower().startswith("multipart/form-data") or not boundary:
        raise unprocessable("error reading multipart data: request Content-Type isn't multipart/form-data")
    sections = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    if len(sections) < 2 or not sections[-1].startswith(b"--"):  # noqa: PLR2004 - preamble and the closing boundary
        raise _truncated()
    return [_parse_part(section) for section in sections[1:-1]]


def encode_multipart(parts: Sequence[Part], boundary: str) -> bytes:
    """The inverse of `parse_multipart`, each part with its `Content-Length` as LangSmith demands.

    `boundary` must not occur in the data; names and media types are the caller's and free of quotes and line ends.
    """
    sections = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{part.name}"\r\nContent-Type: {part.content_type}\r\n'
        f"Content-Length: {len(part.data)}\r\n\r\n".encode()
        + part.data
        for part in parts
    ]
    return b"\r\n".join([*sections, f"--{boundary}--\r\n".encode()])


def _parse_part(section: bytes) -> Part:
    head, separator, data = section.partition(b"\r\n\r\n")
    if not separator:
        raise _truncated()
    headers: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    media_type = headers.get("content-type", "application/octet-stream")
    length = headers.get("content-length") or _parameter(media_type, "length")
    if length is not None and (not length.isdigit() or int(length) != len(data)):
        raise _truncated()
    name = _field_name(headers.get("content-disposition", ""))
    return Part(name=name, content_type=media_type.partition(";")[0].lower(), data=data)


def _field_name(disposition: str) -> str:
    # The plain form is every SDK's; the general parser costs more than the rest of a part together.
    if disposition.startswith('form-data; name="') and disposition.endswith('"') and disposition.count('"') == 2:  # noqa: PLR2004
        return disposition[17:-1]
    name = _parameter(disposition, "name")
    if not name:
        raise unprocessable("error reading multipart data: part without a name")
    return name


def _parameter(header: str, name: str) -> str | None:
    message = Message()
    message["content-type"] = header
    value = message.get_param(name)
    return value if isinstance(value, str) else None


def _truncated() -> ErrorResponse:
    return unprocessable("error reading multipart data: multipart: NextPart: EOF")


def parse_json(data: bytes) -> Any:
    """Parse JSON as LangSmith does.

    Raises:
        ErrorResponse: 422 for malformed JSON, and 422 `int too big to convert` for integers beyond 64 bits
            (langsmith-sdk#637); orjson would silently round them to floats.
    """
    if _LONG_NUMBER in data.translate(_DIGITS_TO_ZERO):
        # The parser below reports malformed JSON.
        with suppress(json.JSONDecodeError, UnicodeDecodeError):
            json.loads(data, parse_int=_int64)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise unprocessable(f"invalid JSON: {error}") from error


def _int64(text: str) -> int:
    # Bounded by digits first: int() of a very long text is refused by Python itself, with another error.
    if len(text) > len(str(_INT64.start)) or int(text) not in _INT64:
        raise ErrorResponse(422, {"detail": "int too big to convert"})
    return int(text)
