"""A stored row as the result it was."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from eval_pipeline.results.case_result import (
    AssertionResult,
    CaseResult,
    EvaluationError,
    ReusedFrom,
    SimulationResult,
    TurnResult,
)
from eval_pipeline.results.usage import AttemptUsage, TokenUsage

_NAMES = frozenset(field.name for field in fields(CaseResult))


def result_of_row(row: Mapping[str, Any]) -> CaseResult:
    """The result that a row of `RESULT_SCHEMA` is; what of an event was no text comes back as JSON text."""
    known = {name: value for name, value in row.items() if name in _NAMES}
    return CaseResult(
        **{
            **known,
            "tags": tuple(row["tags"] or ()),
            "assertions": tuple(_assertion(found) for found in row["assertions"] or ()),
            "turns": tuple(_turn(found) for found in row["turns"] or ()),
            "tokens": TokenUsage.of_row(row["tokens"]),
            "error": _error(row["error"]),
            "carried_from": None if row.get("carried_from") is None else ReusedFrom(**row["carried_from"]),
            "simulation": _simulation(row.get("simulation")),
            "usage": _usage(row.get("usage")),
        }
    )


def _assertion(found: Mapping[str, Any]) -> AssertionResult:
    # Rows of earlier versions lack what came later.
    several = {name: tuple(found.get(name) or ()) for name in ("votes", "usage")}
    return AssertionResult(**{**found, **several, "error": _error(found["error"])})


def _turn(found: Mapping[str, Any]) -> TurnResult:
    return TurnResult(**{**found, "events": tuple(_event(event) for event in found["events"] or ())})


def _event(found: Mapping[str, Any]) -> dict[str, Any]:
    event = {name: found[name] for name in ("type", "name", "id", "content") if found[name] is not None}
    if found["args"] is not None:
        event["args"] = json.loads(found["args"])
    return {**event, **(json.loads(found["data"]) if found["data"] else {})}


def _simulation(found: Mapping[str, Any] | None) -> SimulationResult | None:
    return None if found is None else SimulationResult(**{**found, "tokens": TokenUsage.of_row(found["tokens"])})


def _usage(found: Mapping[str, Any] | None) -> AttemptUsage:
    return AttemptUsage(**{role: TokenUsage.of_row(used) for role, used in (found or {}).items() if used is not None})


def _error(found: Mapping[str, Any] | None) -> EvaluationError | None:
    return None if found is None else EvaluationError(**found)
