"""Prompts fetched before, on this host's disk, so that all workers share them.

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
    """What was fetched, and how long ago."""

    commit: str
    manifest: Manifest
    age_s: float


class PromptCache:
    """Prompts of one server."""

    def __init__(self, folder: Path, *, server: str) -> None:
        """Keep prompts of `server` (its URL) under `folder`; nothing is read or made yet."""
        self._folder = folder / "prompts" / digest(server)

    def get(self, reference: PromptReference) -> CachedPrompt | None:
        """What is kept of a prompt. A file that cannot be read is as good as none."""
        try:
            held = json.loads(self._file(reference).read_text(encoding="utf-8"))
            age = max(0.0, time.time() - float(held["fetched_at"]))
            return CachedPrompt(commit=str(held["commit"]), manifest=dict(held["manifest"]), age_s=age)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, reference: PromptReference, *, commit: str, manifest: Manifest) -> None:
        """Keep a prompt under what it was asked for, and under its commit. A disk that is full costs only a request."""
        held = json.dumps({"fetched_at": time.time(), "commit": commit, "manifest": manifest})
        for version in {reference.version or LATEST, commit}:
            file = self._file(reference.at(version))
            partial = file.with_name(f".{uuid.uuid4().hex}.part")
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                partial.write_text(held, encoding="utf-8")
                partial.replace(file)
            except OSError:
                partial.unlink(missing_ok=True)

    def forget(self, name: str) -> None:
        """Drop every version of a prompt that may have moved; commits stay."""
        for file in self._folder.glob(f"{name}@*.json"):
            if not PromptReference(place="hub", name=name, version=file.stem.partition("@")[2]).pinned:
                file.unlink(missing_ok=True)

    def _file(self, reference: PromptReference) -> Path:
        return self._folder / f"{reference.name}@{reference.version or LATEST}.json".replace(os.sep, "_")
