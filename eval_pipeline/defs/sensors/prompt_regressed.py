"""The sensor that rolls back a promoted prompt after a regression, and posts moves of the tag to a webhook.

Each tick reads the history of moves and the experiments, and the cursor only says what was posted. So a tick that
fails, for example because the Hub does not answer, is made up for by the next one.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.defs.sensors.webhook import PromptEvent, PromptNotice, post, prompt_body
from eval_pipeline.promotion.decisions import decide_rollback, promotion_in_use
from eval_pipeline.promotion.move_tag import MoveRefusal, TagState, move_tag, read_tag_state
from eval_pipeline.promotion.moves import Moves, PromptMove
from eval_pipeline.promotion.regression import PromotionCheck, check_promotion
from eval_pipeline.prompts.opening import open_hub
from eval_pipeline.suite.promoted_prompt import promoted_prompt
from eval_pipeline.suite.suite import Suite


class PostedNotices(BaseModel):
    """The cursor: which notices were posted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    moves: int
    """How many moves of the history."""
    looks: tuple[str, ...] = ()
    """The experiments whose result for the current promotion was posted."""


def sensor_name(suite: str) -> str:
    """The name of the sensor."""
    return f"{suite}_prompt_regressed"


def read_posted(text: str | None, moves: Moves) -> PostedNotices:
    """Parse the cursor; at the first tick, moves in the history count as posted, except one that has not ended."""
    try:
        if text:
            return PostedNotices.model_validate_json(text)
    except ValidationError:
        pass
    ended = next((count for count, recorded in enumerate(moves) if recorded.outcome is None), len(moves))
    return PostedNotices(moves=ended)


def new_notices(
    suite: str,
    posted: PostedNotices,
    moves: Moves,
    promotion: PromptMove | None,
    checks: Sequence[PromotionCheck],
    *,
    dry_run: bool,
) -> tuple[list[PromptNotice], PostedNotices]:
    """The notices to post, and the cursor after that.

    Args:
        suite: the name of the suite; moves by other suites are posted by their sensors.
        posted: the cursor.
        moves: the history.
        promotion: the current promotion, if any.
        checks: what the experiments since then say about it.
        dry_run: whether a regression is posted but not rolled back.
    """
    notices, ended = [], posted.moves
    for recorded in moves[posted.moves :]:
        if recorded.outcome is None:
            break
        ended += 1
        if recorded.moved and recorded.move.suite == suite:
            event: PromptEvent = "prompt_promoted" if recorded.move.kind == "promotion" else "prompt_rolled_back"
            notices.append(_notice(event, recorded.move, recorded.move.reason))
    new_checks = [check for check in checks if check.experiment not in posted.looks]
    if promotion is not None:
        notices += _notices_of_checks(promotion, new_checks, dry_run=dry_run)
    return notices, PostedNotices(moves=ended, looks=tuple(check.experiment for check in checks))


def build_prompt_regressed(suite: Suite) -> dg.SensorDefinition:
    """The sensor `<suite>_prompt_regressed`."""
    spec, dry_run, name = suite.spec.sensors.prompt_regressed, suite.spec.promotion.dry_run, sensor_name(suite.name)
    place = promoted_prompt(suite)

    @dg.sensor(
        name=name,
        minimum_interval_seconds=spec.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING if spec.enabled else dg.DefaultSensorStatus.STOPPED,
        description=f"Roll back a promotion of {place} if the runs after it are significantly worse than before.",
    )
    def prompt_regressed(
        context: dg.SensorEvaluationContext, eval_store: StoreResource, eval_langsmith: LangSmithResource
    ) -> dg.SensorResult:
        opened = eval_store.open()
        with open_hub(eval_langsmith.settings()) as hub:
            state = read_tag_state(opened, hub, place)
            posted = read_posted(context.cursor, state.moves)
            promotion = promotion_in_use(state, suite.name)
            checks = [] if promotion is None else check_promotion(opened, promotion, nights=spec.nights)
            worse = next((check for check in checks if check.regressed), None)
            if worse is not None and not dry_run:
                decision = decide_rollback(state, suite=suite.name, reason=worse.message, decided_by=name)
                outcome = decision if isinstance(decision, MoveRefusal) else move_tag(opened, hub, state, decision)
                if isinstance(outcome, MoveRefusal):
                    context.log.warning("%s was not rolled back: %s", place, outcome.reason)
                state = read_tag_state(opened, hub, place)
        notices, posted = new_notices(suite.name, posted, state.moves, promotion, checks, dry_run=dry_run)
        for notice in notices:
            context.log.info("%s: %s", notice.event, notice.reason)
            error = post(spec.webhook_variable, prompt_body(notice, spec.shape))
            if error is not None:
                context.log.warning("could not post %s to the webhook: %s", notice.event, error)
        return dg.SensorResult(skip_reason=_summary(state, promotion, checks), cursor=posted.model_dump_json())

    return prompt_regressed


def _notices_of_checks(
    promotion: PromptMove, checks: Sequence[PromotionCheck], *, dry_run: bool
) -> Iterator[PromptNotice]:
    for check in checks:
        if not check.regressed:
            yield _notice("prompt_kept", promotion, check.message)
        elif dry_run:
            yield _notice("prompt_regressed", promotion, f"{check.message} (not rolled back: `promotion.dry_run`)")


def _notice(event: PromptEvent, move: PromptMove, reason: str) -> PromptNotice:
    return PromptNotice(
        event=event, suite=move.suite, prompt=str(move.place), before=move.before, after=move.after, reason=reason
    )


def _summary(state: TagState, promotion: PromptMove | None, checks: Sequence[PromotionCheck]) -> str:
    if promotion is None:
        return f"{state.place} is not at a promotion"
    if not checks:
        return f"no complete run since promotion {promotion.number}"
    return f"promotion {promotion.number}: {checks[-1].message}"
