"""Schedules, sensors, promotion and asset keys of a suite, as written in `suite.yaml`.

For example:

    schedule: {cron: "0 3 * * *", timezone: Europe/Berlin, enabled: true}
    sensors:
      dataset_changed: {enabled: true}
      run_failed: {enabled: true, webhook_variable: EVAL_PIPELINE_WEBHOOK, shape: slack}
      prompt_committed: {enabled: true, shape: slack}
      prompt_regressed: {enabled: true, shape: slack}
    promotion: {enabled: true, dry_run: false}
    assets: {key_prefix: [ml, evals], group: quality}
"""

import datetime as dt
import re
import zoneinfo
from typing import Literal

from cronsim import CronSim, CronSimError
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document

Automation = Literal["none", "eager", "on_cron", "on_missing"]
"""`eager`: what is outdated or was never evaluated, when cases, context or assets that they read have changed;
`on_missing`: what was never evaluated; `on_cron`: all cases, at the times of `schedule.cron`."""
WebhookShape = Literal["slack", "json"]
DEFAULT_WEBHOOK_VARIABLE = "EVAL_PIPELINE_WEBHOOK"

_MONTH = r"(?:\d+|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_WEEKDAY = r"(?:\d+|sun|mon|tue|wed|thu|fri|sat)"
_CRON_FIELDS = [
    re.compile(rf"(?:{part},)*{part}", re.IGNORECASE)
    for part in (rf"(?:\*|{unit}(?:-{unit})?)(?:/\d+)?" for unit in (r"\d+", r"\d+", r"\d+", _MONTH, _WEEKDAY))
]


class AssetPlacement(Document):
    """Where the suite's assets stand among the others of a Dagster deployment."""

    key_prefix: tuple[str, ...] = ()
    """What their keys have before the suite's name."""
    group: str | None = None
    """Their group; by default the suite's name."""
    case_severity: Literal["warn", "error"] = "error"
    """How Dagster shows the partition of a case that did not pass: as a warning or as an error."""

    @field_validator("key_prefix", mode="before")
    @classmethod
    def _may_be_one(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("key_prefix")
    @classmethod
    def _are_key_parts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            _require_dagster_name(part, "a part of a key")
        return value

    @field_validator("group")
    @classmethod
    def _is_group(cls, value: str | None) -> str | None:
        if value is not None:
            _require_dagster_name(value, "a group")
        return value


class Schedule(Document):
    """When the suite is evaluated on a schedule."""

    cron: str = "0 3 * * *"
    """When, as minute, hour, day, month and weekday."""
    timezone: str = "UTC"
    """The time zone of `cron`, an IANA name."""
    enabled: bool = False
    """Whether the schedule starts switched on; the Dagster UI can switch it too."""

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        fields = value.split()
        reason = {"value": value, "fix": "write five fields: minute hour day month weekday"}
        # CronSim checks the ranges, but also accepts seconds, `L`, `W` and `#`, which Dagster does not.
        if len(fields) != len(_CRON_FIELDS) or not all(map(re.Pattern.fullmatch, _CRON_FIELDS, fields)):
            raise PydanticCustomError("cron", "'{value}' is not a cron expression", reason)
        try:
            CronSim(value, dt.datetime.now(tz=dt.UTC))
        except CronSimError as error:
            raise PydanticCustomError("cron", "'{value}' is not a cron expression", reason) from error
        return value

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
            reason = {"value": value, "fix": "use an IANA name such as `Europe/Berlin`"}
            raise PydanticCustomError("timezone", "'{value}' is not a time zone", reason) from error
        return value


class DatasetChanged(Document):
    """A sensor that watches the files of the cases.

    It evaluates new and changed cases, and removes the partitions of removed ones.
    """

    enabled: bool = False
    """Whether the sensor starts switched on; the Dagster UI can switch it too."""
    interval_s: int = Field(default=60, ge=5)
    """The least seconds between two looks."""


class WebhookSensor(Document):
    """A sensor that posts to a webhook."""

    enabled: bool = False
    """Whether the sensor starts switched on; the Dagster UI can switch it too."""
    webhook_variable: str = DEFAULT_WEBHOOK_VARIABLE
    """The environment variable that holds the URL. The URL is a secret, and is never written to a file or a log."""
    shape: WebhookShape = "json"
    """`slack` for Slack's incoming webhooks; `json` for an object with a field for each part."""

    @field_validator("webhook_variable")
    @classmethod
    def _names_a_variable(cls, value: str) -> str:
        if not value.replace("_", "").isalnum() or value[0].isdigit():
            # The value may be the URL itself, so the error does not repeat it.
            reason = {"fix": f"write the name of the variable that holds the URL, such as {DEFAULT_WEBHOOK_VARIABLE}"}
            raise PydanticCustomError("variable", "not the name of an environment variable", reason)
        return value


class RunFailed(WebhookSensor):
    """A sensor that reports each failed run of the suite."""

    interval_s: int = Field(default=30, ge=5)
    """The least seconds between two looks."""


class PromptCommitted(WebhookSensor):
    """A sensor that compares each new commit of the target's prompt with the tag in use, and reports the result."""

    interval_s: int = Field(default=60, ge=5)
    """The least seconds between two looks."""
    promote: bool = False
    """Whether a winning commit is promoted, as `promotion:` says. By default only comparisons that a person launches
    promote."""


class PromptRegressed(WebhookSensor):
    """A sensor that rolls a promotion back when the runs after it are significantly worse than those before.

    It reports promotions and rollbacks.
    """

    interval_s: int = Field(default=60, ge=5)
    """The least seconds between two looks."""
    nights: int = Field(default=1, ge=1, le=30)
    """How many runs after a promotion decide about it. With several, each is tested at 0.05 / nights, so that a
    promotion that made nothing worse is rolled back in at most one of twenty cases, however many runs there are."""


class Sensors(Document):
    """The sensors of a suite."""

    dataset_changed: DatasetChanged = DatasetChanged()
    """Evaluates cases whose files change."""
    run_failed: RunFailed = RunFailed()
    """Reports runs that fail."""
    prompt_committed: PromptCommitted = PromptCommitted()
    """Evaluates new commits of the target's prompt."""
    prompt_regressed: PromptRegressed = PromptRegressed()
    """Takes back a promotion after which results became worse."""


class Promotion(Document):
    """Whether the tag of the target's prompt moves to a prompt that won a comparison.

    The tag is that of `target.prompt`, such as `production` in `hub:support:production`.
    """

    enabled: bool = False
    """Whether the suite has a job `promote_<suite>`, which compares variants and promotes the winner, if there is
    one."""
    dry_run: bool = True
    """Whether promotions and rollbacks are only reported, in Dagster and to webhooks. Commands in the terminal do what
    they say all the same."""


def _require_dagster_name(value: str, what: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_]+", value):
        reason = {"value": value, "what": what, "fix": "use letters, digits and `_`"}
        raise PydanticCustomError("asset_placement", "'{value}' cannot be {what}", reason)
