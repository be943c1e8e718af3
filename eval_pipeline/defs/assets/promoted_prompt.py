"""`promoted_prompt`: the commit of the target's prompt that is in use, after the winner of a comparison was put there.

A comparison without a winner promotes nothing, which is no failure; a winner that fails the gates, and a tag that is
no longer where it was compared with, fail their check, and with it the run.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from eval_pipeline.defs.assets.tracing import comparison_links
from eval_pipeline.defs.assets.upstream import VARIANT_COMPARISON, Context, asset_key, latest
from eval_pipeline.defs.assets.variant_comparison import variants_group
from eval_pipeline.defs.failures import errors_as_failures
from eval_pipeline.defs.metadata import COMPARISON
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.promotion.decisions import decide_promotion, promotion_in_use
from eval_pipeline.promotion.move_tag import MoveRefusal, RefusalCause, TagState, move_tag, read_tag_state, shown
from eval_pipeline.promotion.moves import PromptMove, ProposedMove
from eval_pipeline.prompts.opening import open_hub
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.suite.promoted_prompt import promoted_prompt
from eval_pipeline.suite.spec.prompt_reference import PromptReference
from eval_pipeline.suite.suite import Suite
from eval_pipeline.variants.variant_comparison import VariantComparison, read_comparison

PROMOTED_PROMPT = "promoted_prompt"
WINNER_MEETS_GATES = "winner_meets_gates"
TAG_UNMOVED = "tag_unmoved"

_CHECKS: dict[str, tuple[RefusalCause, str]] = {
    WINNER_MEETS_GATES: ("gates", "Where a variant won, it meets the blocking gates of the suite."),
    TAG_UNMOVED: ("moved", "The tag is at the commit that the variants were compared with."),
}


def promotion_checks_op_name(suite: str) -> str:
    """The name of the step that checks whether a promotion may be made."""
    return f"{suite}__may_be_promoted"


def build_promotion_checks(suite: Suite) -> dg.AssetChecksDefinition:
    """The blocking checks on `variant_comparison`."""
    key, place = asset_key(suite, VARIANT_COMPARISON), promoted_prompt(suite)

    @dg.multi_asset_check(
        name=promotion_checks_op_name(suite.name),
        specs=[
            dg.AssetCheckSpec(name, asset=key, blocking=True, description=description)
            for name, (_, description) in _CHECKS.items()
        ],
    )
    def may_be_promoted(
        context: dg.AssetCheckExecutionContext, eval_store: StoreResource, eval_langsmith: LangSmithResource
    ) -> Iterator[dg.AssetCheckResult]:
        with errors_as_failures(), open_hub(eval_langsmith.settings(eval_store)) as hub:
            opened = eval_store.open()
            compared = _comparison(context, suite, opened)
            state = read_tag_state(opened, hub, place)
            decision = decide_promotion(compared, state, decided_by=f"run {context.run.run_id}")
        for name, (cause, _) in _CHECKS.items():
            refused = isinstance(decision, MoveRefusal) and decision.cause == cause
            yield dg.AssetCheckResult(asset_key=key, check_name=name, passed=not refused, description=decision.reason)

    return may_be_promoted


def build_promoted_prompt(suite: Suite) -> dg.AssetsDefinition:
    """The asset `promoted_prompt`."""
    place, dry_run = promoted_prompt(suite), suite.spec.promotion.dry_run

    @dg.asset(
        key=asset_key(suite, PROMOTED_PROMPT),
        deps=[asset_key(suite, VARIANT_COMPARISON)],
        group_name=variants_group(suite),
        kinds={"json"},
        owners=list(suite.spec.owners),
        code_version="1",
        description=f"The commit that {place} is at, once the winner of the variants was put there"
        + (" (a dry run: nothing is moved)." if dry_run else "."),
    )
    def promoted(
        context: dg.AssetExecutionContext, eval_store: StoreResource, eval_langsmith: LangSmithResource
    ) -> dg.MaterializeResult[None]:
        with errors_as_failures():
            settings, opened = eval_langsmith.settings(eval_store), eval_store.open()
            with open_hub(settings) as hub:
                state = read_tag_state(opened, hub, place)
                comparison = _comparison(context, suite, opened)
                links = comparison_links(opened, comparison)
                current = promotion_in_use(state, suite.name)
                outcome: ProposedMove | MoveRefusal
                outcome = decide_promotion(comparison, state, decided_by=f"run {context.run.run_id}")
                if current is not None and current.comparison == comparison.name:
                    # An earlier try of this step promoted it and its answer was lost, or a user did in the terminal.
                    outcome = current
                elif isinstance(outcome, ProposedMove) and not dry_run:
                    outcome = move_tag(opened, hub, state, outcome)
        moved = isinstance(outcome, PromptMove)
        metadata = _metadata(outcome, state, dry_run=dry_run)
        context.log.info("%s", metadata["eval/reason"])
        commit = outcome.after if isinstance(outcome, PromptMove) else state.commit
        return dg.MaterializeResult(
            metadata={**links, **metadata, "eval/promoted": moved, **_url(settings, place, commit)},
            data_version=dg.DataVersion(commit or "none"),
        )

    return promoted


def _comparison(context: Context, suite: Suite, store: Store) -> VariantComparison:
    return read_comparison(store, suite.name, latest(context, suite, VARIANT_COMPARISON, COMPARISON))


def _metadata(outcome: ProposedMove | MoveRefusal, state: TagState, *, dry_run: bool) -> dict[str, Any]:
    metadata: dict[str, Any] = {"eval/prompt": str(state.place), "eval/dry_run": dry_run}
    if isinstance(outcome, MoveRefusal):
        reason = f"{state.place} stays at {shown(state.commit)}: {outcome.reason}"
        return {**metadata, "eval/commit_before": state.commit or "none", "eval/reason": reason}
    moves = "was moved" if isinstance(outcome, PromptMove) else "would move"
    reason = f"{state.place} {moves} from {shown(outcome.before)} to {shown(outcome.after)}: {outcome.reason}"
    return {
        **metadata,
        "eval/commit_before": outcome.before or "none",
        "eval/commit_after": outcome.after,
        COMPARISON: outcome.comparison,
        "eval/reason": reason,
    }


def _url(settings: LangSmithSettings, place: PromptReference, commit: str | None) -> dict[str, dg.MetadataValue[Any]]:
    # The recorder has no page of a prompt.
    if commit is None or settings.source.name != "langsmith":
        return {}
    url = f"{settings.source.web_url}/prompts/{place.name}/{shown(commit)}"
    return {"langsmith/prompt_url": dg.MetadataValue.url(url)}
