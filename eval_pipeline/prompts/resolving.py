"""From a reference to a prompt, whatever happens: Hub, else what was fetched before, else a file, else none.

A commit is fetched once for ever, a tag once per `ttl_s`, `latest` every time. A Hub that is away never fails an
evaluation that can go on with something; what it went on with is said, step by step.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from eval_pipeline.errors import CredentialsError, TransientError
from eval_pipeline.prompts.disk_cache import CachedPrompt, PromptCache
from eval_pipeline.prompts.hub import PromptHub
from eval_pipeline.prompts.prompt import Prompt, prompt_of_file, prompt_of_manifest
from eval_pipeline.suite.spec.prompt_reference import LATEST, PromptReference

TTL_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class ResolvedPrompt:
    """The prompt to use, if there is one, and how it was come by."""

    prompt: Prompt | None
    source: Literal["hub", "cached", "file", "none"]
    steps: tuple[str, ...]
    """What was tried, in order, for metadata and logs."""


class PromptOverridesStore(Protocol):
    """Where prompts are resolved and published; seed of tests and of stores other than LangSmith's."""

    def resolve(
        self, reference: PromptReference, *, variables: Iterable[str] = (), fallback: PromptReference | None = None
    ) -> ResolvedPrompt:
        """The prompt that `reference` names, or the best there is in its place."""

    def upsert(self, prompt: Prompt, *, tag: str | None = None, description: str | None = None) -> str:
        """Publish a prompt, and tag it. Returns the commit's hash."""


class HubPromptStore:
    """Prompts of LangSmith's Hub and of files."""

    def __init__(
        self,
        hub: PromptHub | None,
        *,
        cache: PromptCache,
        folder: Path,
        ttl_s: float = TTL_SECONDS,
        pinned_for_ever: bool = True,
    ) -> None:
        """Make a store.

        Args:
            hub: the Hub, or None where it is switched off.
            cache: what was fetched before.
            folder: where `file:` paths begin.
            ttl_s: how long a tag is believed without asking again.
            pinned_for_ever: whether a commit is fetched once for ever; else it is asked for again as a tag is.
        """
        self._hub, self._cache, self._folder, self._ttl_s = hub, cache, folder, ttl_s
        self._pinned_for_ever = pinned_for_ever
        self.hits = 0
        """How often the cache spared a request."""

    def resolve(
        self, reference: PromptReference, *, variables: Iterable[str] = (), fallback: PromptReference | None = None
    ) -> ResolvedPrompt:
        """The prompt that `reference` names, or the best there is in its place.

        Args:
            reference: what is wanted.
            variables: those that the prompt must still use.
            fallback: a file for when the Hub is away and nothing was fetched before.

        Raises:
            InputError: there is no such prompt, or it lost a variable. Neither is a matter of the Hub being away.
            CredentialsError: the key was refused, and there is nothing to go on with.
        """
        wanted = tuple(variables)
        resolved = self._of_file(reference, ()) if reference.place == "file" else self._of_hub(reference, fallback)
        if resolved.prompt is not None:
            resolved.prompt.require(wanted)
        return resolved

    def upsert(self, prompt: Prompt, *, tag: str | None = None, description: str | None = None) -> str:
        """Publish a prompt, and tag it. Returns the commit's hash; raises as `PromptHub.push` and `.tag` do."""
        commit = self._require_hub().push(prompt, description=description)
        if tag is not None:
            self._require_hub().tag(prompt.reference.name, tag, commit)
        self._cache.forget(prompt.reference.name)
        return commit

    def _of_hub(self, reference: PromptReference, fallback: PromptReference | None) -> ResolvedPrompt:
        held = self._cache.get(reference)
        if held is not None and self._is_fresh(reference, held):
            self.hits += 1
            return self._of_cache(reference, held, ())
        try:
            prompt = self._require_hub().pull(reference)
        except (TransientError, CredentialsError) as error:
            steps: tuple[str, ...] = (error.message,)
            if held is not None:
                return self._of_cache(reference, held, steps)
            if fallback is not None:
                return self._of_file(fallback, (*steps, "nothing was fetched before"))
            if isinstance(error, CredentialsError):
                raise
            steps = (*steps, "nothing was fetched before", "there is no fallback file")
            return ResolvedPrompt(prompt=None, source="none", steps=steps)
        self._cache.put(reference, commit=prompt.commit, manifest=prompt.manifest)
        return ResolvedPrompt(prompt=prompt, source="hub", steps=(f"{reference} is {prompt.commit}",))

    def _is_fresh(self, reference: PromptReference, held: CachedPrompt) -> bool:
        for_ever = reference.pinned and self._pinned_for_ever
        return for_ever or (reference.version != LATEST and held.age_s < self._ttl_s)

    def _of_cache(self, reference: PromptReference, held: CachedPrompt, steps: tuple[str, ...]) -> ResolvedPrompt:
        prompt = prompt_of_manifest(held.manifest, reference=reference, commit=held.commit)
        step = f"{reference} is {held.commit}, fetched {held.age_s:.0f} s ago"
        return ResolvedPrompt(prompt=prompt, source="cached", steps=(*steps, step))

    def _of_file(self, reference: PromptReference, steps: tuple[str, ...]) -> ResolvedPrompt:
        prompt = prompt_of_file(self._folder / reference.name, reference=reference)
        return ResolvedPrompt(prompt=prompt, source="file", steps=(*steps, f"{reference} is {prompt.commit}"))

    def _require_hub(self) -> PromptHub:
        if self._hub is None:
            raise TransientError(
                "the Prompt Hub is switched off",
                fix="set `hub_enabled` (EVAL_PIPELINE_HUB_ENABLED), or use `file:` prompts",
            )
        return self._hub
