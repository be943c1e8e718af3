"""Caches fetched prompts on this host's disk, where all workers share them.

A file per prompt and version: `<cache>/prompts/<server>/<name>@<version>.json`.
"""

import json
import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from eval_pipeline.prompts.prompt import Manifest
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.spec.prompt_reference import LATEST, PromptReference


@dataclass(frozen=True, kw_only=True)
class CachedPrompt:
    """A cached prompt and its age."""

    commit: str
    manifest: Manifest
    age_s: float


class PromptCache:
    """The cache of one server's prompts."""

    def __init__(self, folder: Path, *, server: str) -> None:
        """Cache prompts of `server` (its URL) under `folder`; nothing is read or written yet."""
        self._folder = folder / "prompts" / digest(server)

    def get(self, reference: PromptReference) -> CachedPrompt | None:
        """The cached prompt; None if there is none, or its file cannot be read."""
        try:
            stored = json.loads(self._file(reference).read_text(encoding="utf-8"))
            age = max(0.0, time.time() - float(stored["fetched_at"]))
            return CachedPrompt(commit=str(stored["commit"]), manifest=dict(stored["manifest"]), age_s=age)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, reference: PromptReference, *, commit: str, manifest: Manifest) -> None:
        """Cache a prompt under its reference, and under its commit, unless the disk is full."""
        document = json.dumps({"fetched_at": time.time(), "commit": commit, "manifest": manifest})
        for version in {reference.version or LATEST, commit}:
            file = self._file(reference.at(version))
            partial = file.with_name(f".{uuid.uuid4().hex}.part")
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                partial.write_text(document, encoding="utf-8")
                partial.replace(file)
            except OSError:
                partial.unlink(missing_ok=True)

    def forget(self, name: str) -> None:
        """Remove all tags of a prompt; commits stay."""
        for file in self._folder.glob(f"{name}@*.json"):
            if not PromptReference(place="hub", name=name, version=file.stem.partition("@")[2]).pinned:
                file.unlink(missing_ok=True)

    def _file(self, reference: PromptReference) -> Path:
        return self._folder / f"{reference.name}@{reference.version or LATEST}.json".replace(os.sep, "_")
