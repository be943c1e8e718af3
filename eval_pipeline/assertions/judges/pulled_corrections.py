"""Corrections that were pulled from LangSmith, as the file that judges read."""

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
    """The key of what was pulled last; None if nothing was."""
    return max(store.list(corrections_prefix(suite)), default=None)


def corrections_now(suite: Suite, store: Store) -> str | None:
    """The key of the corrections that the suite's judge is shown now; None if it is shown none that are pulled.

    Raises:
        TransientError: the store could not be reached.
    """
    return latest_corrections(store, suite.name) if _wanted(suite) else None


def with_pulled_corrections(suite: Suite, store: Store, key: str | None) -> Suite:
    """The suite with the file of its pulled corrections, those at `key`, in place of `from: langsmith`.

    Where nothing was pulled yet (`key` is None), its judge is shown none.

    Raises:
        MissingUpstreamError: they are gone from the store.
        TransientError: the store could not be reached.
    """
    judge, wanted = suite.spec.judge, _wanted(suite)
    if judge is None or wanted is None:
        return suite
    found = None
    if key is not None:
        data = store.get(key)
        if data is None:
            fix = "restore it from a backup, or launch a new run, which is shown what was pulled last"
            raise MissingUpstreamError(f"the corrections that the judge is shown, {store.uri(key)}, are gone", fix=fix)
        found = Corrections(file=str(_kept(key, data)), limit=wanted.limit)
    spec = suite.spec.model_copy(update={"judge": judge.model_copy(update={"corrections": found})})
    return replace(suite, spec=spec)


def _wanted(suite: Suite) -> Corrections | None:
    judge = suite.spec.judge
    if judge is None or judge.corrections is None or judge.corrections.source is None:
        return None
    return judge.corrections


def _kept(key: str, data: bytes) -> Path:
    """The file with `data`, whose name tells its content."""
    file = cache_folder() / key
    if not file.is_file() or file.stat().st_size != len(data):
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as written:
            written.write(data)
        Path(written.name).replace(file)
    return file
