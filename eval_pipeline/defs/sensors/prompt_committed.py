"""The sensor that compares each new commit of the target's prompt with the commit in production.

One commit is evaluated at a time; of those pushed in the meantime, the newest is next. The result is posted to a
webhook.
"""

import time
from typing import Literal

import dagster as dg
from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.defs.assets.variant_comparison import variant_comparison_op_name
from eval_pipeline.defs.jobs import promotion_job_name, variants_job_name
from eval_pipeline.defs.partitions import SUITE_TAG
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.defs.sensors.dataset_changed import TRIGGER_TAG
from eval_pipeline.defs.sensors.webhook import PromptNotice, post, prompt_body
from eval_pipeline.promotion.move_tag import shown
from eval_pipeline.prompts.opening import open_hub
from eval_pipeline.results.experiment_record import experiment_name
from eval_pipeline.settings import PipelineSettings
from eval_pipeline.store.store import Store
from eval_pipeline.suite.promoted_prompt import promoted_prompt
from eval_pipeline.suite.suite import Suite
from eval_pipeline.variants.variant_comparison import VariantComparison, find_comparison

COMMIT_TAG = "eval/prompt_commit"
"""On a run: the commit that it evaluates."""
_STARTS_WITHIN_S = 3_600
"""A requested run that does not exist after this time was deleted."""


class PendingCommit(BaseModel):
    """A commit that is being evaluated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    commit: str
    against: str | None
    """The commit of the tag at that time."""
    since: int
    """Seconds since 1970."""


class SeenCommits(BaseModel):
    """The cursor: the newest commit at the last tick."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    newest: str | None
    """None if the prompt has no commit."""
    waiting: PendingCommit | None = None


def read_seen(text: str | None) -> SeenCommits | None:
    """Parse the cursor; None if there is none, or if another version wrote it."""
    try:
        return None if not text else SeenCommits.model_validate_json(text)
    except ValidationError:
        return None


def decide_commit(seen: SeenCommits | None, *, newest: str | None, tagged: str | None, at: int) -> SeenCommits | str:
    """Decide which commit to evaluate, when none is being evaluated; returns the next cursor, or the skip reason.

    Args:
        seen: the cursor; None at the first tick, which evaluates nothing: turning on a sensor should cost nothing.
        newest: the newest commit.
        tagged: the commit of the tag.
        at: the current time, in seconds since 1970.
    """
    if newest is None:
        return "the prompt has no commit"
    if seen is None:
        return "first tick: later commits will be evaluated"
    if newest == seen.newest:
        return f"{shown(newest)} is still the newest commit"
    if newest == tagged:
        return f"{shown(newest)} is in production already"
    return SeenCommits(newest=newest, waiting=PendingCommit(commit=newest, against=tagged, since=at))


def notice_of_commit(
    suite: Suite, waiting: PendingCommit, comparison: VariantComparison | None, *, run_url: str | None
) -> PromptNotice:
    """The notice of a commit whose run has ended; if there is no comparison, the run failed."""
    reason = "the evaluation failed; see the run" if comparison is None else comparison.verdict
    return PromptNotice(
        event="prompt_commit_evaluated",
        suite=suite.name,
        prompt=str(promoted_prompt(suite)),
        before=waiting.against,
        after=waiting.commit,
        reason=reason,
        run_url=run_url,
    )


def build_prompt_committed(suite: Suite) -> dg.SensorDefinition:
    """The sensor `<suite>_prompt_committed`."""
    spec, place = suite.spec.sensors.prompt_committed, promoted_prompt(suite)
    job = promotion_job_name(suite.name) if spec.promote else variants_job_name(suite.name)

    @dg.sensor(
        name=f"{suite.name}_prompt_committed",
        job_name=job,
        minimum_interval_seconds=spec.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING if spec.enabled else dg.DefaultSensorStatus.STOPPED,
        description=f"Compare each new commit of {place.name} with {place}, and post the result to the webhook.",
    )
    def prompt_committed(
        context: dg.SensorEvaluationContext, eval_store: StoreResource, eval_langsmith: LangSmithResource
    ) -> dg.SensorResult:
        seen = read_seen(context.cursor)
        if seen is not None and seen.waiting is not None:
            run = _run_of(context.instance, suite.name, seen.waiting)
            if run is None and time.time() - seen.waiting.since < _STARTS_WITHIN_S:
                return dg.SensorResult(skip_reason=f"{shown(seen.waiting.commit)} will be evaluated soon")
            if run is not None and not run.is_finished:
                return dg.SensorResult(
                    skip_reason=f"{shown(seen.waiting.commit)} is being evaluated in run {run.run_id}"
                )
            if run is not None:
                _notify(context, suite, seen.waiting, run, eval_store.open())
            # The cursor changes after the notice: a tick that fails in between posts it again, and none is lost.
            cursor = seen.model_copy(update={"waiting": None}).model_dump_json()
            return dg.SensorResult(skip_reason=f"{shown(seen.waiting.commit)} was evaluated", cursor=cursor)
        with open_hub(eval_langsmith.settings()) as hub:
            newest = next(iter(hub.commits(place.name, most=1)), None)
            tagged = hub.tags(place.name).get(place.version or "")
        decided = decide_commit(seen, newest=newest, tagged=tagged, at=int(time.time()))
        if isinstance(decided, str):
            return dg.SensorResult(skip_reason=decided, cursor=SeenCommits(newest=newest).model_dump_json())
        assert decided.waiting is not None
        request = _request(suite.name, decided.waiting)
        return dg.SensorResult(run_requests=[request], cursor=decided.model_dump_json())

    return prompt_committed


def _request(suite: str, waiting: PendingCommit) -> dg.RunRequest:
    config = {"config": {"prompt_commit": waiting.commit}}
    return dg.RunRequest(
        run_key=f"{suite}:prompt:{waiting.commit}:{waiting.since}",
        run_config={"ops": {variant_comparison_op_name(suite): config}},
        tags={SUITE_TAG: suite, TRIGGER_TAG: "prompt_committed", COMMIT_TAG: waiting.commit},
    )


def _run_of(instance: dg.DagsterInstance, suite: str, waiting: PendingCommit) -> dg.DagsterRun | None:
    """The newest run that evaluates a commit: a failed run may have been retried."""
    records = instance.get_run_records(dg.RunsFilter(tags={SUITE_TAG: suite, COMMIT_TAG: waiting.commit}), limit=1)
    return records[0].dagster_run if records else None


def _notify(
    context: dg.SensorEvaluationContext, suite: Suite, waiting: PendingCommit, run: dg.DagsterRun, store: Store
) -> None:
    comparison = find_comparison(store, suite.name, experiment_name(suite.name, run.root_run_id or run.run_id))
    ui_url = PipelineSettings.from_environment().ui_url
    run_url = None if not ui_url else f"{ui_url.rstrip('/')}/runs/{run.run_id}"
    notice = notice_of_commit(suite, waiting, comparison, run_url=run_url)
    context.log.info("%s: %s", shown(waiting.commit), notice.reason)
    spec = suite.spec.sensors.prompt_committed
    error = post(spec.webhook_variable, prompt_body(notice, spec.shape))
    if error is not None:
        context.log.warning("could not post to the webhook about commit %s: %s", shown(waiting.commit), error)
