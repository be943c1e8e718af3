"""Corrections pulled from LangSmith into the store, as the local file that judges read."""

import tempfile
from dataclasses import replace
from pathlib import Path

from eval_pipeline.errors import MissingUpstreamError
from eval_pipeline.settings import cache_folder
from eval_pipeline.store.layout import corrections_prefix
from eval_pipeline.store.store import Store
from eval_pipeline.suite.spec.judge import Corrections
from eval_pipeline.suite.suite import Suite


def latest_corrections(store: Store, suite: str) -> str | None:
    """The key of the corrections pulled last; None if none were."""
    return max(store.list(corrections_prefix(suite)), default=None)


def corrections_now(suite: Suite, store: Store) -> str | None:
    """The key of the pulled corrections that the suite's judge is shown now; None if it is shown none.

    Raises:
        TransientError: the store could not be reached.
    """
    return latest_corrections(store, suite.name) if _from_langsmith(suite) else None


def with_pulled_corrections(suite: Suite, store: Store, key: str | None) -> Suite:
    """The suite with a local file of the corrections at `key` in place of `from: langsmith`.

    Without a `key`, where nothing was pulled yet, its judge is shown none.

    Raises:
        MissingUpstreamError: they are gone from the store.
        TransientError: the store could not be reached.
    """
    judge, pulled = suite.spec.judge, _from_langsmith(suite)
    if judge is None or pulled is None:
        return suite
    local = None
    if key is not None:
        data = store.get(key)
        if data is None:
            fix = "restore it from a backup, or launch a new run, which is shown what was pulled last"
            raise MissingUpstreamError(f"the corrections that the judge is shown, {store.uri(key)}, are gone", fix=fix)
        local = Corrections(file=str(_cached(key, data)), limit=pulled.limit)
    spec = suite.spec.model_copy(update={"judge": judge.model_copy(update={"corrections": local})})
    return replace(suite, spec=spec)


def _from_langsmith(suite: Suite) -> Corrections | None:
    judge = suite.spec.judge
    if judge is None or judge.corrections is None or judge.corrections.source is None:
        return None
    return judge.corrections


def _cached(key: str, data: bytes) -> Path:
    """The file with `data` in the cache folder; `key` names its content."""
    file = cache_folder() / key
    if not file.is_file() or file.stat().st_size != len(data):
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as written:
            written.write(data)
        Path(written.name).replace(file)
    return file
