"""Overrides of WINK's prompts as prompts of the Hub, and back, without loss.

Each section's body and each tool's description is a message, which people edit in the Hub; everything else (paths,
hashes, examples) is in the metadata of the template, as JSON.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import SystemMessage
from langchain_core.prompts import ChatPromptTemplate

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.prompts.prompt import Prompt
from eval_pipeline.suite.spec.prompt_reference import LATEST, PromptReference, hub_name
from eval_pipeline.targets.wink_events import weakincentives

_KEY = "wink"
_VERSION = 1


def reference_of(ns: str, prompt_key: str, tag: str = LATEST) -> PromptReference:
    """The prompt of the Hub that has the overrides of `ns/prompt_key`."""
    return PromptReference(place="hub", name=hub_name(f"{ns}/{prompt_key}"), version=tag)


def prompt_of_override(override: Any) -> Prompt:
    """The prompt of the Hub that holds an override."""
    sections = [dataclasses.asdict(section) for section in override.sections.values()]
    tools = [dataclasses.asdict(tool) for tool in override.tool_overrides.values()]
    bodies = [section.pop("body") for section in sections]
    described = [tool for tool in tools if tool["description"] is not None]
    bodies += [tool["description"] for tool in described]
    document = {
        "version": _VERSION,
        "ns": override.ns,
        "prompt_key": override.prompt_key,
        "sections": sections,
        "tools": [{**tool, "description": None, "described": tool["description"] is not None} for tool in tools],
        "task_examples": [dataclasses.asdict(example) for example in override.task_example_overrides],
    }
    template = ChatPromptTemplate(messages=[SystemMessage(content=body) for body in bodies], metadata={_KEY: document})
    return Prompt(reference=reference_of(override.ns, override.prompt_key), template=template, commit="")


def override_of_prompt(prompt: Prompt, *, ns: str, prompt_key: str, tag: str) -> Any:
    """The override that a prompt of the Hub holds.

    Raises:
        InputError: the prompt is not one of WINK, is that of another key, or has lost or gained messages.
    """
    document = (prompt.template.metadata or {}).get(_KEY)
    if not isinstance(document, dict) or (document.get("ns"), document.get("prompt_key")) != (ns, prompt_key):
        raise _unreadable(prompt, f"is no override of {ns}/{prompt_key}")
    bodies = [message.text for message in prompt.template.messages if isinstance(message, SystemMessage)]
    described = sum(1 for tool in document["tools"] if tool["described"])
    if len(bodies) != len(document["sections"]) + described:
        raise _unreadable(prompt, f"has {len(bodies)} messages, and {len(document['sections']) + described} parts")
    texts = iter(bodies)
    overrides = weakincentives("prompt.overrides")
    sections = [_section(overrides, {**section, "body": next(texts)}) for section in document["sections"]]
    tools = [_tool(overrides, tool, next(texts) if tool["described"] else None) for tool in document["tools"]]
    return overrides.PromptOverride(
        ns=ns,
        prompt_key=prompt_key,
        tag=tag,
        sections={section.path: section for section in sections},
        tool_overrides={tool.name: tool for tool in tools},
        task_example_overrides=tuple(_task_example(overrides, example) for example in document["task_examples"]),
    )


def _section(overrides: Any, section: Mapping[str, Any]) -> Any:
    digest = _digest(section["expected_hash"])
    return overrides.SectionOverride(**{**section, "path": tuple(section["path"]), "expected_hash": digest})


def _tool(overrides: Any, tool: Mapping[str, Any], description: str | None) -> Any:
    examples = tuple(
        overrides.ToolExampleOverride(**{**example, "expected_hash": _digest(example["expected_hash"])})
        for example in tool["example_overrides"]
    )
    fields = {name: value for name, value in tool.items() if name != "described"}
    digest = _digest(tool["expected_contract_hash"])
    return overrides.ToolOverride(
        **{**fields, "description": description, "expected_contract_hash": digest, "example_overrides": examples}
    )


def _task_example(overrides: Any, example: Mapping[str, Any]) -> Any:
    steps = {
        name: tuple(overrides.TaskStepOverride(**step) for step in example[name])
        for name in ("step_overrides", "steps_to_append")
    }
    removed = tuple(example["steps_to_remove"])
    digest = _digest(example["expected_hash"])
    return overrides.TaskExampleOverride(
        **{**example, **steps, "path": tuple(example["path"]), "expected_hash": digest, "steps_to_remove": removed}
    )


def _digest(text: str | None) -> Any:
    return None if text is None else weakincentives("prompt.overrides").HexDigest(text)


def _unreadable(prompt: Prompt, what: str) -> InputError:
    fix = "publish it again with LangSmithPromptOverridesStore.push"
    return InputError(Problem(message=f"{prompt.reference} {what}", fix=fix, field="overrides"))
