"""Encode values for the database: compressed JSON, times as microseconds."""

import functools
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import zstandard

from eval_pipeline.langsmith.protocol.times import parse_time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_PACK_FROM_BYTES = 64
_LEVEL = 3
_PREVIEW_CHARACTERS = 240


@functools.cache
def _dictionary() -> zstandard.ZstdCompressionDict:
    """What JSON of runs has in common, so that each of their short texts is a fraction as long.

    Each frame names its dictionary: a new one is a second file, beside this one.
    """
    return zstandard.ZstdCompressionDict(Path(__file__).with_name("payloads.zdict").read_bytes())


class _Contexts(threading.local):
    """Of each thread: creating one costs more than compressing a run, and threads must not share one."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL, dict_data=_dictionary())
        self.decompressor = zstandard.ZstdDecompressor(dict_data=_dictionary())


@functools.cache
def _contexts() -> _Contexts:
    return _Contexts()


def pack(data: bytes | None) -> bytes | None:
    """Compress JSON that gets shorter by it. No JSON text begins with zstd's magic number, so no flag is needed."""
    if data is None or len(data) < _PACK_FROM_BYTES:
        return data
    packed = _contexts().compressor.compress(data)
    return packed if len(packed) < len(data) else data


def repack(data: bytes | None) -> bytes | None:
    """What `pack` returns today for what it, or an earlier version, returned."""
    if data is None or (data.startswith(_ZSTD_MAGIC) and zstandard.get_frame_parameters(data).dict_id):
        return data
    return pack(json_bytes(data))


def unpack(data: bytes | None) -> Any:
    """The parsed JSON of what `pack` returned; None for None."""
    return None if data is None else orjson.loads(json_bytes(data))


def json_bytes(data: bytes) -> bytes:
    """The JSON of what `pack` returned, whichever version wrote it."""
    return _contexts().decompressor.decompress(data) if data.startswith(_ZSTD_MAGIC) else data


def dump(value: object) -> str:
    """The JSON text of a value."""
    return orjson.dumps(value).decode()


def microseconds(moment: datetime) -> int:
    """Microseconds since the epoch, exact (a float of seconds is not)."""
    return (moment - _EPOCH) // _MICROSECOND


def to_us(value: object) -> int | None:
    """Microseconds of a time in any form that the API accepts; None for None.

    Raises:
        TimeError: It is not a time.
    """
    return None if value is None else microseconds(parse_time(value))


def to_datetime(value: int) -> datetime:
    """The moment (UTC) of microseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=value)


def from_us(value: int | None) -> str | None:
    """ISO 8601 text in UTC with microseconds; None for None."""
    if value is None:
        return None
    return to_datetime(value).isoformat(timespec="microseconds")


def preview(value: object) -> str | None:
    """One line of a run's inputs or outputs: the text if it is the only value, else compact JSON."""
    if not value:
        return None
    if isinstance(value, dict) and len(value) == 1:
        (only,) = value.values()
        if isinstance(only, str):
            return only[:_PREVIEW_CHARACTERS]
    return orjson.dumps(value)[: 4 * _PREVIEW_CHARACTERS].decode("utf-8", "ignore")[:_PREVIEW_CHARACTERS]
