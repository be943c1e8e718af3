"""Read a configuration of promptfoo as a new suite; what has no counterpart is named, never dropped silently."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.scaffold.new_suite import NewSuite
from eval_pipeline.suite.documents.yaml_document import read_yaml
from eval_pipeline.wording import counted

_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_PROVIDER = re.compile(r"(openai|anthropic|google|mistral|groq|ollama|bedrock)(?::(?:chat|completion|messages))?:(.+)")
_LANGCHAIN = {"google": "google_genai", "mistral": "mistralai"}
"""LangChain's names of providers that have another one there."""
_NOT_ID = re.compile(r"[^A-Za-z0-9]+")

Convert = Callable[[Any], Mapping[str, Any]]


def _any_of(value: Any) -> Mapping[str, Any]:
    texts = value if isinstance(value, list) else str(value).split(",")
    return {"type": "regex", "value": "|".join(re.escape(str(text).strip()) for text in texts)}


_ASSERTIONS: dict[str, Convert] = {
    "contains": lambda value: {"type": "contains", "value": str(value)},
    "icontains": lambda value: {"type": "icontains", "value": str(value)},
    "contains-all": lambda value: {"type": "contains", "value": list(map(str, value))},
    "icontains-all": lambda value: {"type": "icontains", "value": list(map(str, value))},
    "contains-any": _any_of,
    "icontains-any": lambda value: {**_any_of(value), "ignore_case": True},
    "equals": lambda value: {"type": "equals", "value": value},
    "starts-with": lambda value: {"type": "starts_with", "value": str(value)},
    "regex": lambda value: {"type": "regex", "value": str(value)},
    "is-json": lambda value: (
        {"type": "json_schema", "schema": value} if isinstance(value, Mapping) else {"type": "is_json"}
    ),
    "llm-rubric": lambda value: {"type": "llm_rubric", "value": str(value)},
    "factuality": lambda value: {"type": "llm_rubric", "value": f"It agrees with: {value}"},
    "latency": lambda value: {"type": "max_latency", "value": value},
    "cost": lambda value: {"type": "max_cost", "value": value},
}
"""By type of promptfoo's, without `not-`."""
_THRESHOLDS = {"latency": 0.001, "cost": 1.0}
"""Types that compare with `threshold`, and how many of our units one of theirs is."""
_UNDERSTOOD = {"description", "prompts", "providers", "tests", "defaultTest"}


def promptfoo_suite(folder: Path, file: Path) -> NewSuite:
    """A suite with the prompt, the model and the tests of a `promptfooconfig.yaml`.

    Raises:
        InputError: the file cannot be read, or has no tests that are written in it.
    """
    data = read_yaml(file).data
    if not isinstance(data, Mapping) or not isinstance(data.get("tests"), list):
        fix = "write the tests into it as a list; `tests: file.csv` is read by `cases:` of suite.yaml"
        raise InputError(Problem(message="it has no list of tests", fix=fix, file=file))
    notes = [f"{name!r} was left out: suite.yaml has other fields for it" for name in data if name not in _UNDERSTOOD]
    prompt, model = _prompt(data, file, notes), _model(data, notes)
    default = data.get("defaultTest") or {}
    cases, judged = [], False
    for index, test in enumerate(data["tests"]):
        case = _case(test, default, prompt, index, notes)
        judged = judged or any(each["type"].startswith("llm_") for each in case.get("assertions", ()))
        cases.append(case)
    target: dict[str, Any] = {"kind": "chat", "model": model}
    further = {"judge": {"model": model}} if judged else {}
    return NewSuite(folder=folder, target=target, cases=_distinct(cases), notes=notes, assertions=[], further=further)


def _prompt(data: Mapping[str, Any], file: Path, notes: list[str]) -> str:
    prompts = data.get("prompts") or ["{{prompt}}"]
    listed: Sequence[Any] = prompts if isinstance(prompts, list) else [prompts]
    first = listed[0]
    text = str(first.get("raw") or first.get("id") or "") if isinstance(first, Mapping) else str(first)
    if text.startswith("file://"):
        text = (file.parent / text.removeprefix("file://")).read_text(encoding="utf-8")
    if len(listed) > 1:
        left_out = counted(len(listed) - 1, "further prompt")
        notes.append(f"left out: {left_out}; compare prompts as `variants:`")
    return text


def _model(data: Mapping[str, Any], notes: list[str]) -> str:
    providers = data.get("providers") or data.get("targets") or []
    listed = providers if isinstance(providers, list) else [providers]
    names = [str(each.get("id", "")) if isinstance(each, Mapping) else str(each) for each in listed]
    known = [match for name in names if (match := _PROVIDER.fullmatch(name)) is not None]
    if len(names) > 1:
        notes.append(f"left out: {', '.join(names[1:])}; compare models as `variants:`")
    if not known:
        notes.append(f"set `target:` in suite.yaml: the provider {', '.join(names) or '(none)'} has no counterpart")
        return "openai:gpt-4o-mini"
    provider, model = known[0][1], known[0][2]
    return f"{_LANGCHAIN.get(provider, provider)}:{model}"


def _case(test: Any, default: Mapping[str, Any], prompt: str, index: int, notes: list[str]) -> dict[str, Any]:
    test = test if isinstance(test, Mapping) else {}
    variables = {**(default.get("vars") or {}), **(test.get("vars") or {})}
    description = test.get("description")
    name = _NOT_ID.sub("-", str(description or f"test-{index + 1}")).strip("-").lower()[:60] or f"test-{index + 1}"
    asserted = [*(default.get("assert") or ()), *(test.get("assert") or ())]
    case: dict[str, Any] = {"id": name}
    if description:
        case["description"] = str(description)
    case["input"] = _filled(prompt, variables)
    if variables:
        case["metadata"] = {"vars": variables}
    if assertions := list(_assertions(asserted, variables, name, notes)):
        case["assertions"] = assertions
    left_out = [field for field in test if field not in ("description", "vars", "assert")]
    notes += [f"case {name}: {field!r} was left out" for field in left_out]
    return case


def _assertions(
    asserted: Sequence[Any], variables: Mapping[str, Any], case: str, notes: list[str]
) -> Iterator[dict[str, Any]]:
    for each in asserted:
        kind = str(each.get("type", "")) if isinstance(each, Mapping) else str(each)
        negated = kind.startswith("not-")
        bare = kind.removeprefix("not-")
        if not isinstance(each, Mapping) or bare not in _ASSERTIONS:
            notes.append(f"case {case}: the assertion {kind!r} was left out: write it as `python` or `evaluator`")
            continue
        value = each.get("value")
        if bare in _THRESHOLDS:
            value = each.get("threshold", value) * _THRESHOLDS[bare]
        converted = dict(_ASSERTIONS[bare](_filled(value, variables)))
        if "metric" in each:
            converted["name"] = str(each["metric"])
        if "weight" in each:
            converted["weight"] = each["weight"]
        yield {**converted, **({"negate": True} if negated else {})}


def _filled(value: Any, variables: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: str(variables.get(match[1], match[0])), value)
    return [_filled(item, variables) for item in value] if isinstance(value, list) else value


def _distinct(cases: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    seen: dict[str, int] = {}
    for case in cases:
        count = seen[case["id"]] = seen.get(case["id"], 0) + 1
        if count > 1:
            case["id"] = f"{case['id']}-{count}"
    return list(cases)
