"""`LangSmithPromptOverridesStore`: WINK's overrides of prompts in LangSmith's Prompt Hub."""

import dataclasses
from pathlib import Path
from typing import Any

from langsmith import Client

from eval_pipeline.errors import CredentialsError, InputError, TransientError
from eval_pipeline.prompts.disk_cache import PromptCache
from eval_pipeline.prompts.hub import PromptHub
from eval_pipeline.prompts.prompt import Prompt
from eval_pipeline.prompts.resolving import HubPromptStore
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.settings import cache_folder
from eval_pipeline.suite.spec.prompt_reference import LATEST
from eval_pipeline.targets.wink_events import weakincentives
from eval_pipeline.wink.config import LangSmithConfig
from eval_pipeline.wink.hub_prompts import override_of_prompt, prompt_of_override, reference_of

_log = logger_of(__name__)


class LangSmithPromptOverridesStore:
    """Overrides in the Hub: the prompt `ns/prompt_key` is `ns--prompt_key` there, a tag is a tag or a commit.

    `latest` is fetched every time, a tag once per `cache_ttl_seconds`, a commit once. If the Hub cannot be reached the
    cached override is used, else that of `fallback_store`, else none.
    """

    def __init__(
        self, config: LangSmithConfig, *, client: Client | None = None, fallback_store: Any | None = None
    ) -> None:
        """Nothing is fetched yet."""
        settings = config.to_settings()
        self._client = client or config.client()
        self._fallback = fallback_store
        self._enabled = settings.hub_enabled
        cache = PromptCache(cache_folder(), server=str(self._client.api_url))
        self._hub = PromptHub(self._client, cache=cache)
        self._prompts = HubPromptStore(
            self._hub if settings.hub_enabled else None,
            cache=cache,
            folder=Path(),
            ttl_s=settings.cache_ttl_seconds,
            keep_commits=settings.cache_versioned_indefinitely,
        )

    def resolve(self, descriptor: Any, tag: str = LATEST) -> Any | None:
        """The override of a prompt, without the parts that are of another version of it; None if none is left.

        Never raises for what the Hub does.
        """
        try:
            override = self.pull(ns=descriptor.ns, prompt_key=descriptor.key, tag=tag)
        except (TransientError, CredentialsError, InputError) as error:
            _log.warning("the overrides of %s/%s are not fetched: %s", descriptor.ns, descriptor.key, error)
            return None if self._fallback is None else self._fallback.resolve(descriptor, tag)
        return None if override is None else _current(override, descriptor)

    def upsert(self, descriptor: Any, override: Any) -> Any:
        """Publish an override under its tag.

        Raises:
            PromptOverridesError: a part of it was written for another version of the prompt.
            InfrastructureError: the Hub did not take it.
        """
        kept = _current(override, descriptor)
        if kept != override:
            error: type[Exception] = weakincentives("prompt.overrides").PromptOverridesError
            raise error(f"the override of {descriptor.ns}/{descriptor.key} is of another version of the prompt")
        self._publish(prompt_of_override(override), tag=override.tag)
        return override

    def pull(self, *, ns: str, prompt_key: str, tag: str = LATEST) -> Any | None:
        """The override as it is published, also for a prompt that is not at hand; None if there is none.

        Raises:
            InputError: what is published is no override.
            InfrastructureError: the Hub cannot be reached, and nothing is cached.
        """
        reference = reference_of(ns, prompt_key, tag)
        try:
            prompt = self._prompts.resolve(reference).prompt
        except InputError:
            return None
        return override_of_prompt(prompt, ns=ns, prompt_key=prompt_key, tag=tag)

    def push(self, prompt: Any, *, tag: str = LATEST, commit_message: str | None = None) -> str:
        """Publish a prompt's own sections and tools, with the overrides it has now; returns the commit's hash."""
        override = self._seeded(prompt, tag)
        return self._publish(prompt_of_override(override), tag=tag, description=commit_message)

    def delete(self, *, ns: str, prompt_key: str, tag: str) -> None:
        """Delete a tag; with `latest` the prompt and all its commits."""
        name = reference_of(ns, prompt_key).name
        if tag == LATEST:
            self._client.delete_prompt(name)
        else:
            self._client.request_with_retries("DELETE", f"/repos/-/{name}/tags/{tag}")
        PromptCache(cache_folder(), server=str(self._client.api_url)).forget(name)

    def store(self, descriptor: Any, override: Any, *, tag: str = LATEST) -> Any:
        """Publish the override of one section, tool or task example, beside the others of the tag."""
        overrides = weakincentives("prompt.overrides")
        before = self.pull(ns=descriptor.ns, prompt_key=descriptor.key, tag=tag)
        whole = before or overrides.PromptOverride(ns=descriptor.ns, prompt_key=descriptor.key, tag=tag)
        if isinstance(override, overrides.SectionOverride):
            changes: dict[str, Any] = {"sections": {**whole.sections, override.path: override}}
        elif isinstance(override, overrides.ToolOverride):
            changes = {"tool_overrides": {**whole.tool_overrides, override.name: override}}
        else:
            changes = {"task_example_overrides": (*whole.task_example_overrides, override)}
        return self.upsert(descriptor, dataclasses.replace(whole, **changes))

    def seed(self, prompt: Any, *, tag: str = LATEST) -> Any:
        """Publish a prompt's own sections and tools, unless something is published under the tag; returns it."""
        present = self.pull(ns=prompt.ns, prompt_key=prompt.key, tag=tag)
        if present is not None:
            return present
        override = self._seeded(prompt, tag)
        self._publish(prompt_of_override(override), tag=tag)
        return override

    def _seeded(self, prompt: Any, tag: str) -> Any:
        overrides = weakincentives("prompt.overrides")
        descriptor = overrides.descriptor_for_prompt(prompt)
        nodes = {node.path: node.section for node in prompt.sections}
        sections = {
            each.path: overrides.SectionOverride(
                path=each.path, expected_hash=each.content_hash, body=nodes[each.path].original_body_template()
            )
            for each in descriptor.sections
        }
        described = {tool.name: tool.description for section in nodes.values() for tool in section.tools()}
        tools = {
            tool.name: overrides.ToolOverride(
                name=tool.name, expected_contract_hash=tool.contract_hash, description=described[tool.name]
            )
            for tool in descriptor.tools
        }
        own = overrides.PromptOverride(
            ns=prompt.ns, prompt_key=prompt.key, tag=tag, sections=sections, tool_overrides=tools
        )
        applied = None
        if getattr(prompt, "overrides_store", None) is not None:
            applied = prompt.overrides_store.resolve(descriptor, prompt.overrides_tag)
        if applied is None:
            return own
        return dataclasses.replace(
            applied,
            tag=tag,
            sections={**own.sections, **applied.sections},
            tool_overrides={**own.tool_overrides, **applied.tool_overrides},
        )

    def _publish(self, prompt: Prompt, *, tag: str, description: str | None = None) -> str:
        if not self._enabled:
            raise TransientError("the Prompt Hub is disabled", fix="set `hub_enabled` of the LangSmithConfig")
        return self._prompts.upsert(prompt, tag=None if tag == LATEST else tag, description=description)


def _current(override: Any, descriptor: Any) -> Any | None:
    """The override without what was written for another version of the prompt; None if nothing is left."""
    sections = {each.path: each.content_hash for each in descriptor.sections}
    tools = {each.name: each.contract_hash for each in descriptor.tools}
    kept = dataclasses.replace(
        override,
        sections={
            path: section for path, section in override.sections.items() if sections.get(path) == section.expected_hash
        },
        tool_overrides={
            name: tool
            for name, tool in override.tool_overrides.items()
            if tools.get(name) == tool.expected_contract_hash
        },
    )
    stale = len(override.sections) + len(override.tool_overrides) - len(kept.sections) - len(kept.tool_overrides)
    if stale:
        _log.warning("%d overrides of %s/%s are of another version of it", stale, descriptor.ns, descriptor.key)
    return kept if kept.sections or kept.tool_overrides or kept.task_example_overrides else None
