"""From a plan to the comparison: evaluate, conclude every experiment, decide, and keep the outcome."""

from eval_pipeline.analysis.report.comparing import render_comparison
from eval_pipeline.pipeline.conclude import Conclusion, conclude
from eval_pipeline.results.begun import next_place
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.layout import variants_page_key
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline.suite.spec.variant import CURRENT
from eval_pipeline.suite.suite import Suite
from eval_pipeline.variants.contender import Contender, open_contenders
from eval_pipeline.variants.deciding import Entrant, decide
from eval_pipeline.variants.launch import Launch
from eval_pipeline.variants.metric import METRIC_COLUMNS, metric_by_case
from eval_pipeline.variants.running import evaluate_contenders
from eval_pipeline.variants.variant_comparison import (
    Effort,
    VariantComparison,
    find_comparison,
    write_comparison,
)


def compare_as_planned(suite: Suite, launch: Launch) -> VariantComparison:
    """Do what is left of a comparison. Returns its outcome; that of one that is done is the stored one.

    Raises:
        InputError: a variant makes no target, a prompt is missing, or nothing has a score of the metric's name.
        InfrastructureError: something around the cases failed; what is finished is kept.
    """
    plan, store = launch.plan, launch.store
    done = find_comparison(store, plan.suite, plan.name)
    if done is not None:
        return done
    contenders = open_contenders(suite, launch)
    evaluated = evaluate_contenders(contenders, launch)
    concluded = {each.name: _concluded(each, launch) for each in contenders}
    entrants = [_entrant(each, concluded[each.name], launch) for each in contenders]
    decision = decide(entrants, evaluated.dropped, metric=plan.metric)
    comparisons = [each.verdict.comparison for name, each in concluded.items() if name != CURRENT]
    page = render_comparison([each for each in comparisons if each is not None], {}, verdict=decision.verdict)
    store.put(variants_page_key(plan.suite, plan.name), page.encode())
    return write_comparison(
        store,
        VariantComparison(
            name=plan.name,
            suite=plan.suite,
            dataset_version=plan.dataset_version,
            context_id=plan.context_id,
            made_at=timestamp("milliseconds"),
            metric=plan.metric,
            standings=decision.standings,
            winner=decision.winner,
            verdict=decision.verdict,
            effort=Effort(
                attempts=evaluated.attempts, attempts_of_all=evaluated.attempts_of_all, looks=evaluated.looks
            ),
            order=next_place(store, plan.suite, f"verdict on {plan.name}"),
        ),
    )


def _concluded(contender: Contender, launch: Launch) -> Conclusion:
    """The verdict on one experiment: what regressed is what `current` did better."""
    spec = contender.variant.suite.spec
    if contender.name != CURRENT:
        spec = spec.model_copy(update={"baseline": launch.plan.experiment(CURRENT)})
    folder = contender.variant.suite.folder
    return conclude(launch.store, spec, contender.record, launch.settings, folder=folder)


def _entrant(contender: Contender, concluded: Conclusion, launch: Launch) -> Entrant:
    record, summary = contender.record, concluded.verdict.summary
    rows = read_results(launch.store, record.suite, record.experiment, columns=METRIC_COLUMNS).to_pylist()
    return Entrant(
        name=contender.name,
        experiment=record.experiment,
        prompts=contender.prompt_commits,
        changes=contender.variant.changes,
        values=metric_by_case(rows, launch.plan.metric),
        gates_passed=concluded.verdict.passed,
        errors=summary.status_counts.get("error", 0),
        attempts=summary.attempts - summary.carried,
        cost_usd=summary.cost_usd,
        costs=summary.costs,
    )
