"""A suite: one folder with `suite.yaml` and its cases."""

import datetime as dt
import re
import zoneinfo
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cronsim import CronSim, CronSimError
from pydantic import BaseModel, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.assertions.fields.assertion import Assertion
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.documents.document import Document, problems_of
from eval_pipeline.suite.documents.yaml_document import YamlDocument, read_yaml
from eval_pipeline.suite.spec.case_source import CaseSources
from eval_pipeline.suite.spec.compute import Compute, LocalCompute
from eval_pipeline.suite.spec.context import ContextSpec
from eval_pipeline.suite.spec.gates import Gates, RateGate
from eval_pipeline.suite.spec.judge import Judge
from eval_pipeline.suite.spec.promotion import Promotion
from eval_pipeline.suite.spec.sensors import Sensors
from eval_pipeline.suite.spec.target import TargetSpec
from eval_pipeline.suite.spec.variant import VariantSpec, require_distinct

SUITE_FILE = "suite.yaml"
LAST_PASSED = "last_passed"
"""`baseline:` for the latest experiment whose blocking gates passed."""

_MONTH = r"(?:\d+|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_WEEKDAY = r"(?:\d+|sun|mon|tue|wed|thu|fri|sat)"
_CRON_FIELDS = [
    re.compile(rf"(?:{part},)*{part}", re.IGNORECASE)
    for part in (rf"(?:\*|{unit}(?:-{unit})?)(?:/\d+)?" for unit in (r"\d+", r"\d+", r"\d+", _MONTH, _WEEKDAY))
]
_OWNER = re.compile(r"team:[A-Za-z0-9_.-]+|\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}\b")
"""Dagster's rule."""


class SimulatedUser(Document):
    """The chat model that plays the user in simulations, unless a case names its own."""

    model: str
    """`provider:model`, or an import path to a LangChain chat model."""


class ModelCache(Document):
    """Answers of chat models kept on disk, by model, parameters and messages."""

    path: str | None = None
    """A file in the suite's folder, or elsewhere; by default one in the user's cache folder."""
    max_mb: float = Field(default=1_000, gt=0)
    """Megabytes of answers; beyond them those used longest ago are forgotten."""
    share_repetitions: bool = False
    """Whether the second attempt at a case may be answered as the first was."""


class Evaluation(Document):
    """How a run evaluates its cases."""

    max_concurrency: int = Field(default=8, ge=1)
    """Attempts in flight within one run, and calls in flight to one provider. After a 429 or an overload fewer calls
    are, until the provider answers again."""
    timeout_s: float | None = Field(default=None, gt=0)
    """Seconds for one attempt, judges included; beyond them the attempt is an error. Waiting for a provider's limits
    does not count. By default the setting `evaluation_timeout_seconds`, 300."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """Of target, judges and simulated users together, to one provider's account, from this process; from all processes
    where `EVAL_PIPELINE_LIMITS` names a place that they share."""
    tokens_per_minute: float | None = Field(default=None, gt=0)
    fleet_concurrency: int | None = Field(default=None, ge=1)
    """Calls in flight to one provider's account from all processes that share `EVAL_PIPELINE_LIMITS`; without it, and
    within it, `max_concurrency` holds for each of them."""
    max_retries: int = Field(default=6, ge=0)
    """Tries of a model call after the first, where another can help (429, 5xx, time-outs, cut connections)."""
    max_tokens: int | None = Field(default=None, gt=0)
    """Of the run; when they are used no further attempt begins, and the rest is `skipped`, which `gates.max_skipped`
    takes for a failure."""
    max_cost_usd: float | None = Field(default=None, gt=0)
    """As `max_tokens`. A model that no price is known of ends the run."""
    budget_of: Literal["run", "experiment"] = "run"
    """Whose `max_tokens` and `max_cost_usd` are: each run's, so that a backfill of ten runs may use ten times as much,
    or those of all runs of an experiment together, which takes `EVAL_PIPELINE_LIMITS`. A run hears every second what
    the others spent; calls in flight are not counted."""
    break_after: int | None = Field(default=20, ge=2)
    """If so many first attempts all break in the same way, the run ends; null: never."""
    cache: bool | str | ModelCache = False
    """Whether answers of models are kept and used again: true, or a file, or a mapping."""
    checkpoints: bool | str = False
    """Whether attempts are kept while they are made, so that a run that goes on (`--resume`) takes up a long one at the
    turn it had reached: true, or an SQLite file, in the suite's folder or elsewhere; by default one in the user's cache
    folder. It holds conversations unredacted, those of unfinished attempts only, and its owner alone may read it."""
    prices: str | None = None
    """A CSV file of prices, which come before those of the package (`eval_pipeline/prices.csv`)."""
    reuse: Literal["never", "unchanged"] = "never"
    """Whether results of earlier experiments stand for attempts of which nothing has changed since."""
    max_cases_per_run: int = Field(default=1_000, ge=1)
    """Partitions that one run of a backfill takes."""
    pool: str | None = Field(default=None, pattern=r"^\S+$")
    """Dagster's pool of the runs that evaluate: where it has a limit, so many at a time, of all suites that name it."""

    @property
    def model_cache(self) -> ModelCache | None:
        """The cache, however it was written; None: none."""
        if isinstance(self.cache, ModelCache):
            return self.cache
        return ModelCache(path=self.cache if isinstance(self.cache, str) else None) if self.cache else None


class Schedule(Document):
    """When the suite runs by itself."""

    cron: str = "0 3 * * *"
    timezone: str = "UTC"
    enabled: bool = False
    """Whether the schedule is on without anybody switching it on in the UI."""

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        fields = value.split()
        reason = {"value": value, "fix": "write five fields: minute hour day month weekday"}
        # CronSim knows the ranges, but also seconds, `L`, `W` and `#`, which Dagster does not take.
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


class SuiteSpec(Document):
    """`suite.yaml`."""

    name: str
    description: str | None = None
    owners: tuple[str, ...] = ("team:evaluation",)
    cases: CaseSources
    context: ContextSpec = ContextSpec()
    target: TargetSpec
    judge: Judge | None = None
    """Who scores by rubric, unless an assertion names its own model."""
    simulated_user: SimulatedUser | None = None
    assertions: tuple[Assertion, ...] = ()
    """Asked of every case, on the whole conversation, besides the case's own."""
    repetitions: int | None = Field(default=None, ge=1, le=1_000)
    """Attempts at each case: by default one, or for a recorded target all that were recorded."""
    evaluation: Evaluation = Evaluation()
    compute: Compute = LocalCompute()
    """Where cases are evaluated: in the run's process, or by workers it gives them to."""
    schedule: Schedule = Schedule()
    sensors: Sensors = Sensors()
    promotion: Promotion = Promotion()
    """Whether the tag that the target's prompt is at is moved to a variant that won."""
    gates: Gates = Gates()
    variants: tuple[VariantSpec, ...] = ()
    """Other targets, which a comparison of variants holds against this one (`eval-pipeline variants run`)."""
    baseline: str | None = None
    """What a new experiment is compared with: an experiment's name, or `last_passed`. By default what was set with
    `eval-pipeline baseline set`, or else the last that passed."""

    @property
    def gates_to_meet(self) -> Gates:
        """The gates; where a budget may leave attempts unmade, none may be, unless `gates.max_skipped` lets some."""
        limited = (self.evaluation.max_tokens, self.evaluation.max_cost_usd) != (None, None)
        if not limited or self.gates.max_skipped:
            return self.gates
        return self.gates.model_copy(update={"max_skipped": (RateGate(threshold=0.0),)})

    @field_validator("name")
    @classmethod
    def _is_dagster_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", value):
            reason = {
                "value": value,
                "fix": "use letters, digits and `_`, beginning with a letter: it names Dagster assets",
            }
            raise PydanticCustomError("suite_name", "'{value}' cannot name a suite", reason)
        return value

    @field_validator("variants")
    @classmethod
    def _have_names_of_their_own(cls, value: tuple[VariantSpec, ...]) -> tuple[VariantSpec, ...]:
        require_distinct(value)
        return value

    @field_validator("owners")
    @classmethod
    def _are_owners(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for owner in value:
            if not _OWNER.fullmatch(owner):
                reason = {"owner": owner, "fix": "write `team:name` or an e-mail address"}
                raise PydanticCustomError("owner", "'{owner}' is not an owner Dagster knows", reason)
        return value


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A suite that was read: its specification and the folder it stands in."""

    spec: SuiteSpec
    folder: Path

    @property
    def name(self) -> str:
        """The suite's name, which is also its asset group and key prefix."""
        return self.spec.name

    def path(self, text: str) -> Path:
        """The file that `text` in `suite.yaml` means: absolute, or in the suite's folder, or in the working folder.

        The working folder comes second so that a path from an environment variable means what it does in a shell.
        """
        inside = self.folder / Path(text).expanduser()
        return inside if inside.exists() or not Path(text).exists() else Path(text).resolve()


def read_suite(folder: Path) -> Suite:
    """Read `suite.yaml` in `folder`.

    Raises:
        InputError: there is no such file, or it is not a suite; carries every problem in it.
    """
    document = read_suite_document(folder)
    try:
        spec = SuiteSpec.model_validate(document.data)
    except ValidationError as error:
        raise InputError(problems_in_suite(error, document=document, model=SuiteSpec)) from error
    return Suite(spec=spec, folder=folder)


def read_suite_document(folder: Path) -> YamlDocument:
    """The plain data of `suite.yaml`, with lines.

    Raises:
        InputError: there is no such file, or it is not YAML, or not a mapping.
    """
    if not folder.is_dir():
        raise InputError(
            Problem(message="there is no such folder", fix="give the folder that holds suite.yaml", file=folder)
        )
    document = read_yaml(folder / SUITE_FILE, interpolate=True)
    if not isinstance(document.data, dict):
        raise InputError(
            Problem(
                message="the file is not a mapping of fields",
                fix="write `name: …`, `cases: …`, `target: …`",
                file=document.file,
            )
        )
    return document


def problems_in_suite(error: ValidationError, *, document: YamlDocument, model: type[BaseModel]) -> list[Problem]:
    """The problems of `error` at their lines in `suite.yaml`."""
    return problems_of(error, model=model, data=document.data, file=document.file, line=document.line_of)
