"""Serialize any value as JSON: inputs and outputs of targets, tools and models go into traces."""

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, is_dataclass
from typing import Any

import orjson
from pydantic import BaseModel

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
_DEEPEST = 60
_INT64 = 2**63


def json_bytes(value: Any) -> bytes:
    """`value` as JSON. What JSON has no form for becomes text; what cannot be read becomes the name of its type."""
    try:
        return orjson.dumps(value, default=_default, option=_OPTIONS)
    except (TypeError, ValueError, RecursionError):
        # An integer beyond 64 bits, a lone surrogate, a cycle or a broken object somewhere inside: rare, slow is fine.
        return orjson.dumps(_plain(value, 0), option=_OPTIONS)


def plain(value: Any) -> Any:
    """A copy of `value` in the types that `json.loads` returns."""
    return orjson.loads(json_bytes(value))


def as_object(value: Any) -> dict[str, Any]:
    """`value` as a JSON object, as a run's inputs and outputs must be."""
    if value is None:
        return {}
    copied = plain(value)
    return copied if isinstance(copied, dict) else {"output": copied}


def _default(value: Any) -> Any:
    """Types that orjson does not support: pydantic models (LangChain's messages among them), sets, bytes, anything."""
    if isinstance(value, BaseModel):
        # Not `mode="json"`, which fails on the whole model for one field that it cannot serialize.
        return value.model_dump(exclude_none=True, warnings=False)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return list(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    return _named(value)


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | str | int | float):
        return _scalar(value)
    if isinstance(value, orjson.Fragment):
        return orjson.loads(orjson.dumps(value))
    if depth > _DEEPEST:
        return _named(value)
    try:
        return _container(value, depth + 1)
    except Exception:  # noqa: BLE001 - a value that cannot be read is no reason to lose a trace
        return f"<{type(value).__name__}>"


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not isinstance(value, bool):
        # The server refuses a whole frame for one such number ("int too big to convert").
        return int(value) if -_INT64 <= value < _INT64 else str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def _container(value: Any, depth: int) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {_named(key): _plain(item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple | AbstractSet):
        return [_plain(item, depth) for item in value]
    simpler = _default(value)
    return simpler if isinstance(simpler, str) else _plain(simpler, depth)


def _named(value: Any) -> str:
    try:
        return str(value).encode("utf-8", "replace").decode()
    except Exception:  # noqa: BLE001 - as above
        return f"<{type(value).__name__}>"
