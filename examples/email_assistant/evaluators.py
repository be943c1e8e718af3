"""Evaluators of the assistant."""

from typing import Any


def classified(outputs: dict[str, Any], reference_outputs: dict[str, Any]) -> bool:
    """Whether the e-mail was sorted as it should be."""
    return bool(outputs["classification"] == reference_outputs["classification"])
