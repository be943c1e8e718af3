"""Reads assets of the same Dagster deployment for suites that name them as sources.

An asset is what the metadata `path`, `uri` or `dagster/uri` of its latest materialization names; without a file there,
what its IO manager loads, which needs the code location that defines it.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlparse

import dagster as dg

from eval_pipeline.errors import InputError, MissingUpstreamError, Problem
from eval_pipeline.store.opening import open_store
from eval_pipeline.suite.suite import Suite
from eval_pipeline.suite.upstream_assets import AssetPath

Context = dg.AssetExecutionContext | dg.OpExecutionContext | dg.ScheduleEvaluationContext | dg.SensorEvaluationContext
_PLACES = ("path", "uri", "dagster/uri")
_FILES = frozenset({".csv", ".json", ".jsonl", ".parquet", ".yaml", ".yml"})
_VERSION_TAG = "dagster/data_version"


class DeploymentAssets:
    """The assets of an instance, and of the repository of the running step where there is one."""

    def __init__(self, instance: dg.DagsterInstance, repository: dg.RepositoryDefinition | None = None) -> None:
        self._instance, self._repository = instance, repository

    def version(self, key: AssetPath) -> str:
        """The data version that Dagster shows of the asset.

        Raises:
            MissingUpstreamError: it has not been materialized.
        """
        record = self._latest(key)
        event = record.asset_materialization or record.asset_observation
        tags = {} if event is None or event.tags is None else event.tags
        return str(tags.get(_VERSION_TAG) or record.storage_id)

    def read(self, key: AssetPath) -> Any:
        """Its file, or its value.

        Raises:
            MissingUpstreamError: it has not been materialized.
            InputError: its metadata names no file, and no code location is known that loads its value.
        """
        file = _file_of(self._latest(key))
        if file is not None:
            return file
        asset_key = dg.AssetKey(list(key))
        if self._repository is None or asset_key not in self._repository.assets_defs_by_key:
            message = f"the latest materialization of {'/'.join(key)} names no file"
            fix = "add the metadata `path` or `uri` to it, or evaluate the suite in the code location that defines it"
            raise InputError(Problem(message=message, fix=fix))
        return self._repository.load_asset_value(asset_key, instance=self._instance)

    def _latest(self, key: AssetPath) -> dg.EventLogRecord:
        asset_key = dg.AssetKey(list(key))
        records = self._instance.fetch_materializations(asset_key, limit=1).records
        records = records or self._instance.fetch_observations(asset_key, limit=1).records
        if not records:
            name = asset_key.to_user_string()
            raise MissingUpstreamError(f"{name} has not been materialized yet", fix=f"materialize {name} first")
        return records[0]


def reader_of(context: Context) -> DeploymentAssets:
    """What reads assets in a step, and in a tick of a schedule or sensor."""
    try:
        repository = context.repository_def
    except Exception:  # noqa: BLE001 - a job that is executed in a process has no repository, which Dagster asserts
        repository = None
    return DeploymentAssets(context.instance, repository)


def context_assets(suite: Suite) -> list[dg.AssetKey]:
    """The assets that a suite's shared context reads."""
    context = suite.spec.context
    sources = [*context.tables.values(), *([] if context.documents is None else [context.documents.source])]
    return _keys(sources)


def case_assets(suite: Suite) -> list[dg.AssetKey]:
    """The assets that a suite's cases are read from."""
    return _keys(suite.spec.cases)


def _keys(sources: Any) -> list[dg.AssetKey]:
    return list(dict.fromkeys(dg.AssetKey(list(each.asset)) for each in sources if each.tag == "asset"))


def _file_of(record: dg.EventLogRecord) -> Path | None:
    """The file that the metadata of an event names, copied here if it is an object of a bucket."""
    event = record.asset_materialization or record.asset_observation
    for place in _places(event):
        suffix = PurePosixPath(urlparse(place).path if "://" in place else place).suffix
        if suffix not in _FILES:
            continue
        if place.startswith("file://"):
            return Path(unquote(urlparse(place).path))
        if "://" not in place:
            return Path(place)
        folder, _, name = place.rpartition("/")
        data = open_store(folder).get(name)
        if data is None:
            raise MissingUpstreamError(f"{place} is not there", fix="materialize the asset again")
        with tempfile.NamedTemporaryFile(suffix=suffix, delete=False) as copy:
            copy.write(data)
        return Path(copy.name)
    return None


def _places(event: dg.AssetMaterialization | dg.AssetObservation | None) -> Iterator[str]:
    for name in _PLACES:
        value = None if event is None else event.metadata.get(name)
        if value is not None and isinstance(value.value, str):
            yield value.value
