"""LangSmith's published OpenAPI document, for tests; it lies beside the checkout or in EVAL_PIPELINE_SHARED_DATA."""

import functools
import os
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
DOCUMENT = Path(os.environ.get("EVAL_PIPELINE_SHARED_DATA", SHARED)) / "langsmith-platform-openapi.json"

needs_document = pytest.mark.skipif(not DOCUMENT.exists(), reason="LangSmith's OpenAPI document is not here")


@functools.cache
def document() -> dict[str, Any]:
    """The document (2 MB), parsed."""
    loaded: dict[str, Any] = orjson.loads(DOCUMENT.read_bytes())
    return loaded


def schema(name: str) -> dict[str, Any]:
    """A named schema."""
    found: dict[str, Any] = document()["components"]["schemas"][name]
    return found


def present(body: dict[str, Any]) -> dict[str, Any]:
    """Without nulls: the SDK sends them, and the schemas of the Go endpoints do not allow them."""
    return {key: value for key, value in body.items() if value is not None}


def violations(schema: dict[str, Any], value: Any) -> list[str]:
    """How a value breaks a schema of the document; times and ids are checked as text only."""
    validator = Draft202012Validator({**schema, "components": document()["components"]})
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def template(path: str) -> str | None:
    """The document's path for a path of the wire: v1 paths stand there with `/api/v1`, a few without."""
    path = path.partition("?")[0]
    for candidate in (f"/api/v1{path}", path, path.removeprefix("/api/v1")):
        for published in sorted(document()["paths"], key=lambda published: published.count("{")):
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", published), candidate):
                return str(published)
    return None
