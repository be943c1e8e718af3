"""What decided against an attempt, read from its row."""

from collections.abc import Mapping
from typing import Any


def decided_against(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The assertions of weight that failed or broke, of a row with the column `assertions`."""
    return [
        found
        for found in row["assertions"] or []
        if found["weight"] > 0 and (found["passed"] is False or found["error"])
    ]
