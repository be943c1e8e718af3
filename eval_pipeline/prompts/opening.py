"""Opens the Prompt Hub of the settings, LangSmith's or the recorder's, and the prompts of a suite."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from eval_pipeline.langsmith.client import make_client
from eval_pipeline.prompts.disk_cache import PromptCache
from eval_pipeline.prompts.hub import PromptHub
from eval_pipeline.prompts.resolving import HubPromptStore
from eval_pipeline.prompts.suite_prompts import (
    NO_PROMPTS,
    SuitePrompts,
    named_prompts,
    resolve_prompts,
)
from eval_pipeline.results.experiment_record import PinnedPrompt, PromptRole
from eval_pipeline.settings import LangSmithSettings, cache_folder
from eval_pipeline.suite.suite import Suite


@contextlib.contextmanager
def open_hub(settings: LangSmithSettings) -> Iterator[PromptHub]:
    """The Hub of `settings`; nothing is requested yet."""
    client = make_client(settings.source, settings)
    try:
        yield PromptHub(client, cache=PromptCache(cache_folder(), server=settings.source.api_url))
    finally:
        client.close(timeout=0)


@contextlib.contextmanager
def open_prompts(settings: LangSmithSettings, folder: Path) -> Iterator[HubPromptStore]:
    """The prompts of the Hub, cached on this host, and of the files in `folder`, a suite's."""
    cache = PromptCache(cache_folder(), server=settings.source.api_url)
    with open_hub(settings) as hub:
        yield HubPromptStore(
            hub if settings.hub_enabled else None,
            cache=cache,
            folder=folder,
            ttl_s=settings.cache_ttl_seconds,
            keep_commits=settings.cache_versioned_indefinitely,
        )


def prompts_of(
    suite: Suite, settings: LangSmithSettings, *, pinned: Mapping[PromptRole, PinnedPrompt] | None = None
) -> SuitePrompts:
    """`resolve_prompts` with the Hub of `settings`, which is not opened for a suite that names no prompt."""
    if not any(named_prompts(suite)):
        return NO_PROMPTS
    with open_prompts(settings, suite.folder) as store:
        return resolve_prompts(suite, store, pinned=pinned)
