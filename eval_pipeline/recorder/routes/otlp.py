"""Tracing by OpenTelemetry: spans in OTLP."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from eval_pipeline.recorder.otlp.decoding import JSON, PROTOBUF, read_spans
from eval_pipeline.recorder.routes.requests import BodyBytes, RecorderDep

router = APIRouter()


@router.post("/otel/v1/traces")
def traces(body: BodyBytes, request: Request, recorder: RecorderDep) -> Any:
    """Store spans as runs; the header `Langsmith-Project` names their project."""
    content_type = request.headers.get("content-type", PROTOBUF)
    recorder.otlp.store(read_spans(body, content_type), project=request.headers.get("langsmith-project"))
    is_json = content_type.startswith(JSON)
    return Response(b"{}" if is_json else b"", media_type=JSON if is_json else PROTOBUF)
