"""What Dagster shows of a suite that cannot be read: its assets, its schedule and its sensors, all of which say why.

Nothing of it vanishes: a schedule that is switched on has a failed tick with the reason, and asset pages still show it.
"""

import hashlib
import re
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import ValidationError

from eval_pipeline.defs.assets.upstream import EVALUATION_ASSETS, TEST_CASES, asset_group, asset_key
from eval_pipeline.defs.failures import errors_as_failures
from eval_pipeline.defs.jobs import job_name
from eval_pipeline.defs.sensors.run_failed import build_run_failed
from eval_pipeline.errors import InputError
from eval_pipeline.redaction.logs import displayable, logger_of
from eval_pipeline.suite.promoted_prompt import is_promotable
from eval_pipeline.suite.spec.automation import AssetPlacement, DatasetChanged, PromptCommitted, PromptRegressed
from eval_pipeline.suite.suite import SUITE_FILE, Suite, SuiteSpec, read_suite_document

_NAME = re.compile(r"^name:\s*['\"]?([A-Za-z][A-Za-z0-9_]*)", re.MULTILINE)
_PROMPT = re.compile(r"\bprompt:\s*['\"]?(hub:[^\s'\",}]+)")
_AUTOMATION_SECONDS = 30
_KEPT = ("schedule", "automation", "sensors", "assets", "owners")
"""Fields of suite.yaml that count as far as they are valid."""
_log = logger_of(__name__)


def broken_suite(folder: Path, error: Exception, *, taken: Container[str], placement: AssetPlacement) -> dg.Definitions:
    """The definitions of the suite in `folder`, which cannot be read because of `error`.

    Args:
        folder: the suite's.
        error: why.
        taken: the names of other suites.
        placement: where assets are of a suite that does not say.
    """
    _log.warning("the suite in %s cannot be read: %s", folder, error)
    suite = _stand_in(folder, placement)
    if suite is None or suite.name in taken:
        # Two folders may have the same name.
        name = re.sub(r"[^A-Za-z0-9]", "_", folder.name)
        group = f"broken_{name}_{hashlib.sha256(str(folder).encode()).hexdigest()[:6]}"
        return dg.Definitions(assets=[_asset(dg.AssetKey([group, TEST_CASES]), group, folder, error)])
    assets = [_asset(asset_key(suite, name), asset_group(suite), folder, error) for name in EVALUATION_ASSETS]
    job = dg.define_asset_job(
        job_name(suite.name),
        selection=dg.AssetSelection.assets(*(asset.key for asset in assets)),
        description=f"The suite in {folder} cannot be read.",
        executor_def=dg.in_process_executor,
    )
    return dg.Definitions(
        assets=assets,
        jobs=[job],
        schedules=[_schedule(suite, error)],
        sensors=[*_sensors(suite, error, promotes=_promotes(folder)), build_run_failed(suite)],
    )


def _asset(key: dg.AssetKey, group: str, folder: Path, error: Exception) -> dg.AssetsDefinition:
    @dg.asset(
        key=key,
        group_name=group,
        kinds={"yaml"},
        owners=["team:evaluation"],
        description=f"The suite in `{folder}` cannot be read:\n\n```\n{displayable(str(error))}\n```",
    )
    def broken() -> None:
        with errors_as_failures():
            raise error

    return broken


def _schedule(suite: Suite, error: Exception) -> dg.ScheduleDefinition:
    schedule = suite.spec.schedule

    @dg.schedule(
        name=f"{suite.name}_nightly",
        job_name=job_name(suite.name),
        cron_schedule=schedule.cron,
        execution_timezone=schedule.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING if schedule.enabled else dg.DefaultScheduleStatus.STOPPED,
        description=f"Fails: the suite {suite.name} cannot be read.",
    )
    def nightly() -> Iterator[dg.RunRequest]:
        raise error

    return nightly


def _sensors(suite: Suite, error: Exception, *, promotes: bool) -> Iterator[dg.SensorDefinition]:
    specs = suite.spec.sensors
    yield _sensor(suite, "dataset_changed", specs.dataset_changed, error)
    if suite.spec.automation != "none":
        yield _failing_sensor(suite, "automation", _AUTOMATION_SECONDS, error, enabled=True)
    if promotes:
        yield _sensor(suite, "prompt_committed", specs.prompt_committed, error)
        yield _sensor(suite, "prompt_regressed", specs.prompt_regressed, error)


def _sensor(
    suite: Suite, name: str, spec: DatasetChanged | PromptCommitted | PromptRegressed, error: Exception
) -> dg.SensorDefinition:
    return _failing_sensor(suite, name, spec.interval_s, error, enabled=spec.enabled)


def _failing_sensor(
    suite: Suite, name: str, interval_s: int, error: Exception, *, enabled: bool
) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{suite.name}_{name}",
        job_name=job_name(suite.name),
        minimum_interval_seconds=interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING if enabled else dg.DefaultSensorStatus.STOPPED,
        description=f"Fails: the suite {suite.name} cannot be read.",
    )
    def broken_sensor() -> Iterator[dg.RunRequest]:
        raise error

    return broken_sensor


def _promotes(folder: Path) -> bool:
    """Whether the target's prompt is at a tag of the Prompt Hub, so that the valid suite has sensors that watch it."""
    try:
        target = read_suite_document(folder).data.get("target")
        written = target.get("prompt") if isinstance(target, dict) else None
    except InputError:
        match = _PROMPT.search(_text(folder))
        written = None if match is None else match[1]
    return isinstance(written, str) and is_promotable(written)


def _stand_in(folder: Path, placement: AssetPlacement) -> Suite | None:
    """A suite with the name, the schedule and the sensors of one that is not valid; None if it has no name."""
    try:
        data: dict[str, Any] = dict(read_suite_document(folder).data)
    except InputError:
        match = _NAME.search(_text(folder))
        data = {} if match is None else {"name": match[1]}
    fields: dict[str, Any] = {"cases": "cases.yaml", "target": {"kind": "recorded"}, "assets": placement}
    for name in ("name", *_KEPT):
        if name not in data:
            continue
        try:
            SuiteSpec.model_validate({"name": "stand_in", **fields, name: data[name]})
        except ValidationError:
            continue
        fields[name] = data[name]
    return Suite(spec=SuiteSpec.model_validate(fields), folder=folder) if "name" in fields else None


def _text(folder: Path) -> str:
    file = folder / SUITE_FILE
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
