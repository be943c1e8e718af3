"""The offline model's structured answers: a verdict or a list of patterns, for any names of the schema's fields."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from eval_pipeline.suites.support_desk.judging import Judgement, judge, prefer
from eval_pipeline.suites.support_desk.themes import find_themes


def fill(schema: Mapping[str, Any], prompt: str) -> dict[str, Any]:
    """The arguments of an object `schema` in answer to `prompt`.

    A schema with a list of objects asks for patterns; any other asks for a verdict.
    """
    fields: Mapping[str, Mapping[str, Any]] = schema["properties"]
    of_objects = [name for name, field in fields.items() if "properties" in field.get("items", {})]
    if of_objects:
        names = fields[of_objects[0]]["items"]["properties"]
        themes = [asdict(theme) for theme in find_themes(prompt)]
        return {of_objects[0]: [{name: theme[name] for name in names if name in theme} for theme in themes]}
    judgement = judge(prompt)
    return {name: _verdict_value(field, judgement, prompt) for name, field in fields.items()}


def _verdict_value(field: Mapping[str, Any], judgement: Judgement, prompt: str) -> Any:
    labels = field.get("enum")
    if labels == ["A", "B", "tie"]:
        return prefer(prompt)
    if labels:  # from the best to the worst
        return labels[round((1 - judgement.score) * (len(labels) - 1))]
    by_type = {"boolean": judgement.passed, "number": judgement.score, "integer": round(judgement.score)}
    return by_type.get(str(field.get("type")), judgement.reasoning)
