"""Declarative automation of a suite: the conditions of its assets, the sensor that evaluates them, and freshness.

`automation:` in suite.yaml chooses when the asset `evaluation_launch` is materialized, whose run submits one evaluation
of the cases that are due. No condition stands on `case_results` itself: Dagster would request every partition each time
the shared context is materialized. No condition is of failed runs, which would be requested again at each tick; and an
update stays noted until it leads to a request, also one that arrives while a run is in progress, which Dagster's
`eager()` forgets. See https://docs.dagster.io/guides/automate/declarative-automation.
"""

import datetime as dt
from collections.abc import Sequence
from itertools import islice, pairwise
from typing import Any

import dagster as dg
from cronsim import CronSim

from eval_pipeline.defs.partitions import SUITE_TAG
from eval_pipeline.suite.spec.automation import Schedule
from eval_pipeline.suite.suite import Suite

_TICKS = 60
"""Of a cron expression, among which the longest pause is looked for."""
_WARN_AFTER, _FAIL_AFTER = dt.timedelta(hours=1), dt.timedelta(hours=2)
"""How long after the end of the longest pause an evaluation may take to be there."""

Condition = dg.AutomationCondition[Any]


def is_automated(suite: Suite) -> bool:
    """Whether conditions request evaluations of the suite."""
    return suite.spec.automation != "none"


def condition_of_inputs(suite: Suite) -> Condition | None:
    """When `test_cases` and `shared_context` are materialized: while they are missing, or have read other data."""
    if suite.spec.automation == "eager":
        return _once(_missing() | _data_changed())
    return _once(_missing()) if suite.spec.automation == "on_missing" else None


def condition_of_launch(suite: Suite) -> Condition | None:
    """When an evaluation is launched."""
    schedule = suite.spec.schedule
    match suite.spec.automation:
        case "eager" | "on_missing":
            return _once(_missing() | _data_changed())
        case "on_cron":
            # Its run reads cases and context anew, whatever their cadence.
            return _since_request(dg.AutomationCondition.cron_tick_passed(schedule.cron, schedule.timezone))
    return None


def build_automation(suite: Suite, assets: Sequence[dg.AssetKey]) -> dg.AutomationConditionSensorDefinition:
    """The sensor that evaluates the conditions of a suite's assets; it starts switched on."""
    return dg.AutomationConditionSensorDefinition(
        name=f"{suite.name}_automation",
        target=dg.AssetSelection.assets(*assets),
        default_status=dg.DefaultSensorStatus.RUNNING,
        run_tags={SUITE_TAG: suite.name},
        description=f"Evaluate {suite.name} as `automation: {suite.spec.automation}` in its suite.yaml says.",
    )


def freshness_policy(suite: Suite) -> dg.FreshnessPolicy | None:
    """How old the summary may be, where the suite is evaluated at the times of its schedule."""
    if not suite.spec.schedule.enabled and suite.spec.automation != "on_cron":
        return None
    pause = longest_pause(suite.spec.schedule)
    return dg.FreshnessPolicy.time_window(
        warn_window=pause + _WARN_AFTER, fail_window=pause + max(_FAIL_AFTER, pause / 4)
    )


def longest_pause(schedule: Schedule) -> dt.timedelta:
    """The longest time between two ticks, such as a weekend."""
    ticks = islice(CronSim(schedule.cron, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), _TICKS)
    return max((later - earlier for earlier, later in pairwise(ticks)), default=dt.timedelta(days=1))


def _missing() -> Condition:
    return dg.AutomationCondition.missing().newly_true()


def _data_changed() -> Condition:
    """An asset that is read has data of another version; materializing the same data again is no change.

    Nor is what the run that made this asset made before it.
    """
    changed: Condition = dg.AutomationCondition.data_version_changed()
    return dg.AutomationCondition.any_deps_match(changed & ~dg.AutomationCondition.executed_with_root_target())


def _once(trigger: Condition) -> Condition:
    """One request for each change, when everything that is read is there and nothing of it is being made."""
    waits = dg.AutomationCondition.any_deps_missing() | dg.AutomationCondition.any_deps_in_progress()
    return _since_request(trigger) & ~waits


def _since_request(trigger: Condition) -> Condition:
    requested = dg.AutomationCondition.newly_requested()
    return trigger.since(requested) & ~dg.AutomationCondition.in_progress()
