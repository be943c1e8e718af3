"""Read the spans of OTLP requests, in protobuf or JSON (opentelemetry-proto, `trace/v1`)."""

import base64
import binascii
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, unprocessable
from eval_pipeline.langsmith.protocol.wire import parse_json

PROTOBUF, JSON = "application/x-protobuf", "application/json"
_ERROR_STATUS = (2, "2", "STATUS_CODE_ERROR")
_MICROSECOND_NS = 1000
_MAX_US = 253_402_300_799_999_999
_DEEPEST = 50

# The messages of the specification, as far as they are read: name, then its fields with their number and their type.
_MESSAGES = """
ExportTraceServiceRequest   resource_spans:1:ResourceSpans*
ResourceSpans               resource:1:Resource scope_spans:2:ScopeSpans*
Resource                    attributes:1:KeyValue*
ScopeSpans                  scope:1:InstrumentationScope spans:2:Span*
InstrumentationScope        name:1:string version:2:string
Span                        trace_id:1:bytes span_id:2:bytes parent_span_id:4:bytes name:5:string kind:6:int32
    start_time_unix_nano:7:fixed64 end_time_unix_nano:8:fixed64 attributes:9:KeyValue* events:11:Event* status:15:Status
Event                       time_unix_nano:1:fixed64 name:2:string attributes:3:KeyValue*
Status                      message:2:string code:3:int32
KeyValue                    key:1:string value:2:AnyValue
AnyValue                    string_value:1:string bool_value:2:bool int_value:3:int64 double_value:4:double
    array_value:5:ArrayValue kvlist_value:6:KeyValueList bytes_value:7:bytes
ArrayValue                  values:1:AnyValue*
KeyValueList                values:1:KeyValue*
"""


@dataclass(frozen=True, kw_only=True)
class SpanEvent:
    """An event of a span."""

    name: str
    time_us: int | None
    attributes: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class OtelSpan:
    """A span, with ids in lower-case hex and times in microseconds since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start_us: int
    end_us: int | None
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    scope: str
    events: tuple[SpanEvent, ...]
    error: str | None
    """The message of the status where it is an error; empty where it has none."""


def read_spans(body: bytes, content_type: str) -> list[OtelSpan]:
    """The spans of an `ExportTraceServiceRequest`.

    Raises:
        ErrorResponse: 415 for another content type, 422 for a body that is none.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON:
        request = parse_json(body)
    elif kind == PROTOBUF:
        request = _from_protobuf(body)
    else:
        raise ErrorResponse(415, {"detail": f"content type {kind!r} is not OTLP: send {PROTOBUF} or {JSON}"})
    try:
        return list(_spans(request))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise unprocessable(f"not an ExportTraceServiceRequest: {error!r}") from error


def _spans(request: Mapping[str, Any]) -> Iterator[OtelSpan]:
    for of_resource in request.get("resourceSpans") or ():
        resource = _attributes((of_resource.get("resource") or {}).get("attributes"))
        for of_scope in of_resource.get("scopeSpans") or ():
            scope = str((of_scope.get("scope") or {}).get("name") or "")
            for span in of_scope.get("spans") or ():
                yield _span(span, resource, scope)


def _span(span: Mapping[str, Any], resource: Mapping[str, Any], scope: str) -> OtelSpan:
    status, parent = span.get("status") or {}, span.get("parentSpanId")
    start = _time(span.get("startTimeUnixNano"))
    if start is None:
        raise ValueError("a span has no startTimeUnixNano")
    return OtelSpan(
        trace_id=_identity(span.get("traceId"), 32),
        span_id=_identity(span.get("spanId"), 16),
        parent_id=_identity(parent, 16) if parent and set(parent) != {"0"} else None,
        name=str(span.get("name") or "span"),
        start_us=start,
        end_us=_time(span.get("endTimeUnixNano")),
        attributes=_attributes(span.get("attributes")),
        resource=resource,
        scope=scope,
        events=tuple(
            SpanEvent(
                name=str(event.get("name") or ""),
                time_us=_time(event.get("timeUnixNano")),
                attributes=_attributes(event.get("attributes")),
            )
            for event in span.get("events") or ()
        ),
        error=str(status.get("message") or "") if status.get("code") in _ERROR_STATUS else None,
    )


def _identity(value: Any, length: int) -> str:
    if not isinstance(value, str) or not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", value) or set(value) == {"0"}:
        raise ValueError(f"{value!r} is no id of {length} hexadecimal digits")
    return value.lower()


def _time(value: Any) -> int | None:
    microseconds = int(value or 0) // _MICROSECOND_NS
    if not 0 <= microseconds <= _MAX_US:
        raise ValueError(f"{value!r} is no time in nanoseconds")
    return microseconds or None


def _attributes(pairs: Any) -> dict[str, Any]:
    return {str(pair["key"]): _value(pair.get("value") or {}) for pair in pairs or ()}


def _value(value: Mapping[str, Any], depth: int = 0) -> Any:
    """The plain value of an `AnyValue`; bytes stay in base64."""
    if depth > _DEEPEST:
        raise ValueError(f"an attribute is nested deeper than {_DEEPEST}")
    for name, item in value.items():
        match name:
            case "intValue":
                number = int(item)
                return number if -(2**63) <= number < 2**63 else str(number)
            case "doubleValue":
                return float(item)
            case "arrayValue":
                return [_value(each, depth + 1) for each in item.get("values") or ()]
            case "kvlistValue":
                pairs = item.get("values") or ()
                return {str(pair["key"]): _value(pair.get("value") or {}, depth + 1) for pair in pairs}
            case "stringValue" | "boolValue" | "bytesValue":
                return item
    return None


def _from_protobuf(body: bytes) -> Any:
    """A request in protobuf as it is in JSON."""
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - for those who send OTLP alone
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - as above

    message = _request_class()()
    try:
        message.ParseFromString(body)
        request = MessageToDict(message)
    except (DecodeError, UnicodeDecodeError) as error:
        raise unprocessable(f"not an ExportTraceServiceRequest: {error}") from error
    for of_resource in request.get("resourceSpans") or ():
        for of_scope in of_resource.get("scopeSpans") or ():
            for span in of_scope.get("spans") or ():
                span.update({name: _hex(span[name]) for name in ("traceId", "spanId", "parentSpanId") if name in span})
    return request


def _hex(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).hex()
    except binascii.Error:
        return encoded


@functools.cache
def _request_class() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: PLC0415 - as above

    kinds = descriptor_pb2.FieldDescriptorProto
    scalars = {
        name: getattr(kinds, f"TYPE_{name.upper()}") for name in ("string", "bytes", "bool", "int64", "double", "int32")
    }
    scalars["fixed64"] = kinds.TYPE_FIXED64
    file = descriptor_pb2.FileDescriptorProto(name="otlp.proto", package="otlp", syntax="proto3")
    for line in _MESSAGES.strip().replace("\n    ", " ").splitlines():
        name, *fields = line.split()
        message = file.message_type.add(name=name)
        if name == "AnyValue":
            message.oneof_decl.add(name="value")
        for field in fields:
            field_name, number, kind = field.split(":")
            described = message.field.add(name=field_name, number=int(number), label=kinds.LABEL_OPTIONAL)
            if kind.endswith("*"):
                described.label = kinds.LABEL_REPEATED
            if (scalar := scalars.get(kind.rstrip("*"))) is not None:
                described.type = scalar
            else:
                described.type, described.type_name = kinds.TYPE_MESSAGE, f".otlp.{kind.rstrip('*')}"
            if name == "AnyValue":
                described.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("otlp.ExportTraceServiceRequest"))
