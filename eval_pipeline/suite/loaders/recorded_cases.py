"""Load recorded conversations as cases: items of a JSON list or of JSONL; items with one case id are attempts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jmespath

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.documents.json_document import parse_json_file
from eval_pipeline.suite.documents.text_file import read_text
from eval_pipeline.suite.loaders.jsonl_cases import read_jsonl
from eval_pipeline.suite.loaders.raw_case import RawCase
from eval_pipeline.suite.spec.case_source import RecordedConversations

_CASE_FIELDS = ("split", "tags", "description", "reference", "metadata")


def load_recorded_cases(file: Path, source: RecordedConversations) -> Iterator[RawCase]:
    """One case for each distinct id among the conversations of `file`, its attempts in `recordings`.

    Raises:
        InputError: the file is not JSON, a conversation lacks id or messages, or attempts differ in fields of the case.
    """
    problems: list[Problem] = []
    attempts: dict[str, list[tuple[Any, RawCase]]] = {}
    for place, item in _items(file):
        where, line = (f"line {place}", place) if file.suffix == ".jsonl" else (f"item [{place}]", None)
        try:
            raw = _attempt(item, source=source, file=file, line=line)
            attempts.setdefault(str(raw.data["id"]), []).append((_search(source.attempt, item), raw))
        except _ItemError as error:
            fix = f"correct the JMESPath {error.expression!r} in suite.yaml, or the file"
            problems.append(Problem(message=f"{where} {error}", fix=fix, file=file, line=line, case=error.case))
    for case_id, recorded in attempts.items():
        if source.attempt is not None:
            recorded.sort(key=lambda pair: _natural(pair[0]))
        yield _merged(case_id, [raw for _, raw in recorded], problems)
    if problems:
        raise InputError(problems)


def _items(file: Path) -> Iterator[tuple[int, Any]]:
    if file.suffix == ".jsonl":
        yield from read_jsonl(file)
        return
    data = parse_json_file(file, read_text(file))
    if not isinstance(data, list):
        raise InputError(Problem(message="not a list of conversations", fix="write a JSON list, or JSONL", file=file))
    yield from enumerate(data)


class _ItemError(Exception):
    """An item in which a JMESPath finds no valid value."""

    def __init__(self, message: str, expression: str, case: str | None = None) -> None:
        super().__init__(message)
        self.expression, self.case = expression, case


def _attempt(item: Any, *, source: RecordedConversations, file: Path, line: int | None) -> RawCase:
    case_id, messages = _search(source.id, item), _search(source.messages, item)
    if case_id is None:
        raise _ItemError("has no id", source.id)
    if not isinstance(messages, list):
        raise _ItemError("has no list of messages", source.messages, str(case_id))
    data: dict[str, Any] = {"id": case_id}
    for name in ("split", "tags", "description"):
        value = _search(getattr(source, name), item)
        if value is not None:
            data[name] = value
    data["reference"] = {name: _search(path, item) for name, path in source.reference.items()}
    data["metadata"] = {name: _search(path, item) for name, path in source.metadata.items()}
    data["recordings"] = [
        {"messages": messages, "data": {name: _search(path, item) for name, path in source.data.items()}}
    ]
    return RawCase(data=data, file=file, line=line)


def _merged(case_id: str, attempts: list[RawCase], problems: list[Problem]) -> RawCase:
    first = attempts[0]
    for other in attempts[1:]:
        for name in _CASE_FIELDS:
            if first.data.get(name) != other.data.get(name):
                fix = "give them different ids, or take the field out of suite.yaml"
                problems.append(
                    Problem(
                        message="the attempts at this case have different values",
                        fix=fix,
                        file=first.file,
                        line=other.line,
                        case=case_id,
                        field=name,
                    )
                )
    recordings = [recording for attempt in attempts for recording in attempt.data["recordings"]]
    return RawCase(data={**first.data, "recordings": recordings}, file=first.file, line=first.line)


def _natural(order: Any) -> tuple[int, float, str]:
    """A sort key: numbers by value, also those written as text; then text; then missing ones."""
    if order is None:
        return (2, 0.0, "")
    try:
        return (0, float(order), "")
    except (TypeError, ValueError):
        return (1, 0.0, str(order))


def _search(path: str | None, item: Any) -> Any:
    try:
        return None if path is None else jmespath.search(path, item)
    except jmespath.exceptions.JMESPathError as error:
        raise _ItemError(f"cannot be searched: {error}", str(path)) from error
