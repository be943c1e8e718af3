"""Evaluators of posts."""

from typing import Any


def for_its_audience(inputs: dict[str, Any], outputs: dict[str, Any]) -> bool:
    """Whether the title names the audience."""
    return str(inputs["audience"]) in outputs["title"]


def tagged(inputs: dict[str, Any], outputs: dict[str, Any]) -> bool:
    """Whether the topic is a tag."""
    return inputs["topic"] in outputs["tags"]
