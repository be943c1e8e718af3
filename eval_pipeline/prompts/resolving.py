"""Resolves a reference to a prompt: from the Hub, else from the cache, else from a fallback file that the suite names.

A commit is fetched once, a tag once per `ttl_s`, `latest` every time. A Hub that cannot be reached never fails an
evaluation that has something to continue with; every step is recorded. Without anything, nothing is evaluated.
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
    """The prompt to use, and where it came from."""

    prompt: Prompt
    source: Literal["hub", "cached", "file"]
    steps: tuple[str, ...]
    """What was tried, in order, for metadata and logs."""


class PromptOverridesStore(Protocol):
    """Where prompts are resolved and published: LangSmith's Hub, or another store."""

    def resolve(
        self, reference: PromptReference, *, variables: Iterable[str] = (), fallback: PromptReference | None = None
    ) -> ResolvedPrompt:
        """The prompt that `reference` names, or the best replacement."""

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
        keep_commits: bool = True,
    ) -> None:
        """Nothing is fetched yet.

        Args:
            hub: the Hub; None if it is disabled.
            cache: of fetched prompts.
            folder: the folder that `file:` paths are relative to.
            ttl_s: how long a cached tag is used before it is fetched again.
            keep_commits: whether a cached commit is used indefinitely; else it expires as a tag does.
        """
        self._hub, self._cache, self._folder, self._ttl_s = hub, cache, folder, ttl_s
        self._keep_commits = keep_commits
        self.hits = 0
        """How many requests the cache saved."""

    def resolve(
        self, reference: PromptReference, *, variables: Iterable[str] = (), fallback: PromptReference | None = None
    ) -> ResolvedPrompt:
        """The prompt that `reference` names, or the best replacement.

        Args:
            reference: the prompt to resolve.
            variables: those that the prompt must use.
            fallback: a file to use if the Hub cannot be reached and nothing is cached.

        Raises:
            InputError: the Hub has no such prompt, or it lost a variable.
            CredentialsError: the key was refused, and there is no replacement.
            TransientError: the Hub cannot be reached, and there is no replacement.
        """
        resolved = self._of_file(reference, ()) if reference.place == "file" else self._of_hub(reference, fallback)
        resolved.prompt.require(variables)
        return resolved

    def upsert(self, prompt: Prompt, *, tag: str | None = None, description: str | None = None) -> str:
        """Publish a prompt, and tag it. Returns the commit's hash; raises as `PromptHub.push` and `.tag` do."""
        commit = self._require_hub().push(prompt, description=description)
        if tag is not None:
            self._require_hub().tag(prompt.reference.name, tag, commit)
        self._cache.forget(prompt.reference.name)
        return commit

    def _of_hub(self, reference: PromptReference, fallback: PromptReference | None) -> ResolvedPrompt:
        # What is cached is of the Hub, too.
        cached = None if self._hub is None else self._cache.get(reference)
        if cached is not None and self._is_fresh(reference, cached):
            self.hits += 1
            return self._of_cache(reference, cached, ())
        try:
            prompt = self._require_hub().pull(reference)
        except (TransientError, CredentialsError) as error:
            steps: tuple[str, ...] = (error.message,)
            if cached is not None:
                return self._of_cache(reference, cached, steps)
            if fallback is not None:
                return self._of_file(fallback, (*steps, "nothing is cached"))
            if isinstance(error, CredentialsError):
                raise
            fix = f"{error.fix}; or give `fallback: file:…` beside `prompt`, to be used meanwhile"
            reason = error.message if str(reference) in error.message else f"{reference}: {error.message}"
            message = f"{reason}; nothing is cached, and the suite names no fallback"
            raise TransientError(message, fix=fix) from error
        self._cache.put(reference, commit=prompt.commit, manifest=prompt.manifest)
        return ResolvedPrompt(prompt=prompt, source="hub", steps=(f"{reference} is {prompt.commit}",))

    def _is_fresh(self, reference: PromptReference, cached: CachedPrompt) -> bool:
        never_expires = reference.pinned and self._keep_commits
        return never_expires or (reference.version != LATEST and cached.age_s < self._ttl_s)

    def _of_cache(self, reference: PromptReference, cached: CachedPrompt, steps: tuple[str, ...]) -> ResolvedPrompt:
        prompt = prompt_of_manifest(cached.manifest, reference=reference, commit=cached.commit)
        step = f"{reference} is {cached.commit}, fetched {cached.age_s:.0f} s ago"
        return ResolvedPrompt(prompt=prompt, source="cached", steps=(*steps, step))

    def _of_file(self, reference: PromptReference, steps: tuple[str, ...]) -> ResolvedPrompt:
        prompt = prompt_of_file(self._folder / reference.name, reference=reference)
        return ResolvedPrompt(prompt=prompt, source="file", steps=(*steps, f"{reference} is {prompt.commit}"))

    def _require_hub(self) -> PromptHub:
        if self._hub is None:
            raise TransientError(
                "the Prompt Hub is disabled",
                fix="set `hub_enabled` (EVAL_PIPELINE_HUB_ENABLED), or use `file:` prompts",
            )
        return self._hub
