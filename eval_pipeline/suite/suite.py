"""A suite: a folder with `suite.yaml` and cases."""

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.code.suite_modules import forget_changed_modules
from eval_pipeline.suite.documents.document import Document, problems_of
from eval_pipeline.suite.documents.yaml_document import YamlDocument, read_yaml
from eval_pipeline.suite.import_path import suite_file
from eval_pipeline.suite.spec.assertion import AnyAssertion, SuiteFacts
from eval_pipeline.suite.spec.automation import AssetPlacement, Automation, Promotion, Schedule, Sensors
from eval_pipeline.suite.spec.case_source import CaseSources
from eval_pipeline.suite.spec.compute import Compute, LocalCompute
from eval_pipeline.suite.spec.context import ContextSpec
from eval_pipeline.suite.spec.evaluation import Evaluation
from eval_pipeline.suite.spec.gates import Gates, RateGate
from eval_pipeline.suite.spec.judge import Judge
from eval_pipeline.suite.spec.limits import AttemptLimits
from eval_pipeline.suite.spec.retention import Retention
from eval_pipeline.suite.spec.simulation import SimulatedUserSpec
from eval_pipeline.suite.spec.summary import SummaryMetric
from eval_pipeline.suite.spec.target import AnyTarget
from eval_pipeline.suite.spec.variant import VariantSpec, require_distinct

SUITE_FILE = "suite.yaml"
LAST_PASSED = "last_passed"
"""`baseline:` for the latest experiment whose blocking gates passed."""

_OWNER = re.compile(r"team:[A-Za-z0-9_.-]+|\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}\b")
"""Dagster's rule for owners."""


class BaselineChoice(Document):
    """The experiment that new ones are compared with."""

    experiment: str | None = None
    """Its name, or `last_passed`; by default as without `baseline`."""
    rescore: bool = False
    """Whether its answers are scored by the present assertions where a metric has changed, without a call of the
    target, so that every metric can be compared. Judges are asked again."""


class SuiteSpec(Document):
    """`suite.yaml`."""

    name: str
    """The name of the suite: letters, digits and `_`."""
    description: str | None = None
    """What the suite is for; Dagster shows it."""
    owners: tuple[str, ...] = ("team:evaluation",)
    """Owners of the suite's assets in Dagster: e-mail addresses, or `team:name`."""
    tags: tuple[str, ...] = ()
    """Tags of the root run of every attempt in LangSmith, besides the case's own."""
    cases: CaseSources
    """Where cases come from, one source or several."""
    context: ContextSpec = ContextSpec()
    """Data that is queried once and read by every case."""
    target: AnyTarget
    """What is evaluated."""
    judge: Judge | None = None
    """The judge of assertions that name no model."""
    simulated_user: SimulatedUserSpec | None = None
    """The model that plays the user in cases with a `simulation`."""
    assertions: tuple[AnyAssertion, ...] = ()
    """Assertions on the whole conversation of every case, besides its own."""
    limits: AttemptLimits = AttemptLimits()
    """What the target may use in one attempt, which ends there with the status `limit`."""
    summary: tuple[SummaryMetric, ...] = ()
    """Metrics over all cases: accuracy, F1, correlation, reduced metrics, summary evaluators of LangSmith."""
    repetitions: int | None = Field(default=None, ge=1, le=1_000)
    """Attempts at each case; by default one, or all recorded ones for a recorded target."""
    evaluation: Evaluation = Evaluation()
    """How a run evaluates its cases: concurrency, limits, budgets, reuse."""
    compute: Compute = LocalCompute()
    """Where cases are evaluated: in the process of the run, or by workers."""
    assets: AssetPlacement = AssetPlacement()
    """The key prefix and group of the suite's assets in Dagster."""
    schedule: Schedule = Schedule()
    """When the suite is evaluated by itself."""
    automation: Automation = "none"
    """When Dagster evaluates the suite by itself, beside its schedule and sensors."""
    sensors: Sensors = Sensors()
    """What the suite reacts to."""
    retention: Retention = Retention()
    """How long results are kept: what `eval-pipeline prune` deletes."""
    promotion: Promotion = Promotion()
    """Whether the tag of the target's prompt moves to a variant that won."""
    gates: Gates = Gates()
    """What an experiment must meet."""
    variants: tuple[VariantSpec, ...] = ()
    """Changed targets that `eval-pipeline variants run` compares with this one."""
    baseline: str | BaselineChoice | None = None
    """The experiment that new ones are compared with: its name, `last_passed`, or `{experiment: …, rescore: true}`. By
    default the one that was set with `eval-pipeline baseline set`, or else the last that passed."""

    @property
    def baseline_name(self) -> str | None:
        """The baseline as it is named, in whichever form it was written."""
        return self.baseline.experiment if isinstance(self.baseline, BaselineChoice) else self.baseline

    @property
    def rescores_baseline(self) -> bool:
        """Whether a baseline that other assertions scored is first scored by the present ones."""
        return isinstance(self.baseline, BaselineChoice) and self.baseline.rescore

    @property
    def gates_to_meet(self) -> Gates:
        """The gates; with a budget also `max_skipped: 0`, unless the suite sets that gate itself."""
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
    """A suite: its specification and its folder."""

    spec: SuiteSpec
    folder: Path

    @property
    def name(self) -> str:
        """The suite's name, which its assets, jobs and experiments are named after."""
        return self.spec.name

    def facts(self) -> SuiteFacts:
        """What an assertion may look at in the suite. It remembers what it imported and what source it read."""
        return SuiteFacts(
            folder=self.folder, judge=self.spec.judge, target=self.spec.target, tables=[*self.spec.context.tables]
        )

    def path(self, text: str) -> Path:
        """The file of a path in `suite.yaml`: absolute, or in the suite's folder, or else in the working folder.

        The working folder is there for paths from environment variables, which then mean what they do in a shell.
        """
        return suite_file(text, folder=self.folder)


def read_suite(folder: Path) -> Suite:
    """Read `suite.yaml` in `folder`.

    Raises:
        InputError: there is no such file, or it is not a valid suite; carries every problem.
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
        InputError: the file does not exist, is not YAML, or is not a mapping.
    """
    forget_changed_modules()
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
