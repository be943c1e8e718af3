"""2,000 random answers, schemas, paths and suites: what cannot be used is refused, and nothing else is raised.

By hand, ten times as many: `FUZZ_TIMES=10 make test SUITE=assertions/test_fuzz.py`.
"""

import json
import os
import random
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from eval_pipeline.assertions.bounded_path import select
from eval_pipeline.errors import InputError
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.suite.documents.bounded_schema import first_mistake, schema_problem
from eval_pipeline.suite.documents.json_document import parse_json
from eval_pipeline.suite.suite import read_suite
from eval_pipeline_tests.redaction.planted import ENCODINGS, SECRETS
from eval_pipeline_tests.small_suite import SUITE

pytestmark = pytest.mark.slow

_RANDOM = random.Random(17)
_PIECES = [
    *"{}[]:,=@\"'\\\n \0é東",
    "\\u00",
    "%2",
    "&#",
    "\x1b[",
    "null",
    "1e999",
    "-0",
    "password",
    "Bearer ",
    "4111 ",
]
_PIECES += ["-----BEGIN ", "x" * 40, "\ud800", "9" * 400]
_LONGEST_S = 2.0
_TIMES = int(os.environ.get("FUZZ_TIMES", "1"))


def _text(length: int = 12) -> str:
    return "".join(_RANDOM.choice(_PIECES) for _ in range(_RANDOM.randrange(length)))


def _value(depth: int = 0) -> Any:
    kind = _RANDOM.randrange(8 if depth < 4 else 5)
    if kind < 5:
        return _RANDOM.choice([None, True, 0, -1.5, 10**30, "", "a", "a" * 30, _text(4)])
    if kind < 6:
        return [_value(depth + 1) for _ in range(_RANDOM.randrange(4))]
    return {_RANDOM.choice(["a", "b", "$ref", _text(3)]): _value(depth + 1) for _ in range(_RANDOM.randrange(4))}


_STRUCTURE = ("items", "properties", "patternProperties", "additionalProperties", "anyOf", "allOf", "not", "contains")
_LIMITS = ("type", "pattern", "enum", "const", "required", "minimum", "maxLength", "uniqueItems", "propertyNames")
_KEYWORDS = [*_STRUCTURE, *_LIMITS, "$ref", "$defs", "if", "then", "unevaluatedProperties"]
_SCHEMA_VALUES: list[Any] = [
    "string",
    "^(a+)+$",
    "(",
    "#",
    "#/$defs/a",
    "file:///etc/passwd",
    "http://x/y",
    1,
    True,
    [],
]


def _schema(depth: int = 0) -> Any:
    if depth > 3 or _RANDOM.random() < 0.2:
        return _RANDOM.choice([*_SCHEMA_VALUES, {}, _value(3)])
    inner: Any = {_RANDOM.choice(_KEYWORDS): _schema(depth + 1) for _ in range(_RANDOM.randrange(1, 4))}
    return _RANDOM.choice([inner, inner, [inner], {"a": inner}])


def _timed(work: Any) -> None:
    start = time.process_time()
    work()
    assert time.process_time() - start < _LONGEST_S


def test_answers() -> None:
    redactor, secrets, encodings = Redactor(), list(SECRETS.values()), list(ENCODINGS.values())
    for _ in range(800 * _TIMES):
        text = _text() + _RANDOM.choice([*secrets, ""]) + _text()
        with suppress(UnicodeEncodeError):  # bytes of a lone surrogate
            text = _RANDOM.choice(encodings)(text)
        _timed(lambda text=text: redactor.value({"answer": text, text: [text]}))
        with suppress(ValueError):
            parse_json(text)


def test_schemas_and_paths() -> None:
    for _ in range(800 * _TIMES):
        schema = _schema()
        if isinstance(schema, dict):
            _timed(lambda schema=schema: schema_problem(schema))
            if schema_problem(schema) is None:
                with suppress(InputError):
                    _timed(lambda schema=schema: first_mistake(schema, _value()))
        with suppress(InputError):
            _timed(lambda: select("$..a[?@.b > 1]", _value()))


def test_suites(folder: Path) -> None:
    written = yaml.safe_load(SUITE)
    for _ in range(400 * _TIMES):
        document = json.loads(json.dumps(written))
        place = _RANDOM.choice([document, document["target"], document["gates"], document["context"]["tables"]])
        place[_RANDOM.choice([*place, "name", "assertions", _text(2)])] = _value(2)
        text = (
            yaml.safe_dump(document) if _RANDOM.random() < 0.7 else SUITE.replace(_RANDOM.choice(":{}\n"), _text(3), 1)
        )
        (folder / "suite.yaml").write_bytes(text.encode(errors="replace"))
        with suppress(InputError):
            read_suite(folder)
