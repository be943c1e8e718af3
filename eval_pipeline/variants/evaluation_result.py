"""`compare_variants` and `EvaluationResult`: variants compared from Python, without Dagster.

For example:

    comparison = compare_variants("my_suite", store="./data")
    print(comparison.verdict, comparison.winner, comparison.score_delta)
    for name, result in evaluation_results("./data", comparison).items():
        print(name, result.scores, result.run_url)
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval_pipeline.analysis.costs import CostsByName
from eval_pipeline.analysis.verdict import read_verdict
from eval_pipeline.pipeline.prepare import prepare
from eval_pipeline.pipeline.progress import Progress, QuietProgress
from eval_pipeline.results.case_result import COMPLETED
from eval_pipeline.results.experiment_record import experiment_name
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.metrics import require_metric
from eval_pipeline.suite.suite import Suite, read_suite
from eval_pipeline.variants.comparing import compare_as_planned
from eval_pipeline.variants.launch import Launch
from eval_pipeline.variants.links import links_of
from eval_pipeline.variants.variant import variants_of
from eval_pipeline.variants.variant_comparison import VariantComparison, VariantStanding
from eval_pipeline.variants.variant_plan import VariantPlan, pin_plan


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """The outcome of one variant."""

    dataset_name: str
    """The suite's, which is that of its dataset."""
    example_count: int
    """Cases."""
    completed_count: int
    """Attempts that did not break."""
    scores: Mapping[str, float]
    """The mean by assertion, and `pass_rate`, `score`."""
    passed: bool
    """Whether it met the suite's blocking gates."""
    cost_usd: float | None
    """Dollars of all its attempts; None where any price is unknown."""
    costs: Mapping[str, CostsByName]
    """By `role`, `model`, `tool` and `prompt`: calls, tokens and dollars."""
    run_url: str | None
    """Its experiment in LangSmith or the recorder; None where nothing was traced."""
    best_override: str | None
    """The prompt of the variant that won the comparison, pinned: `hub:name:commit` or `file:path`. None where none
    won, or the one that did names no prompt."""


def compare_variants(
    suite: Suite | Path | str,
    variants: Sequence[str] | None = None,
    *,
    store: Store | Path | str,
    cases: Sequence[str] | None = None,
    repetitions: int | None = None,
    metric: str = "pass_rate",
    halving: bool = False,
    settings: LangSmithSettings | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> VariantComparison:
    """Evaluate variants of a suite on the same cases and context, one experiment each, and compare them.

    Args:
        suite: a suite, its folder or its name.
        variants: names of `variants:` in suite.yaml, by default all; the suite as it stands is always one.
        store: where experiments are kept.
        cases: ids, by default of all cases.
        repetitions: attempts at each case, by default the suite's number.
        metric: `pass_rate`, `score`, or an assertion's name.
        halving: whether variants that cannot win are dropped on the way.
        settings: where traces go, by default as the environment says.
        name: of the launch; the same name again resumes what is not finished, by default a new one.
        progress: is called as the comparison proceeds.

    Raises:
        InputError: the suite, a variant or a prompt is wrong.
        InfrastructureError: something around the cases failed; what is finished is kept.
    """
    opened_suite = suite if isinstance(suite, Suite) else read_suite(suite_folder(str(suite)))
    names = [variant.name for variant in variants_of(opened_suite, variants)]  # raises before the context is built
    opened_store = store if isinstance(store, Store) else open_store(str(store))
    settings = settings or LangSmithSettings.from_environment()
    launched = name or uuid.uuid4().hex
    run_id = uuid.uuid4().hex
    dataset, context = prepare(opened_suite, opened_store, settings, run_id=run_id)
    require_metric(metric, opened_suite.spec.assertions, dataset.cases, opened_suite.facts(), field="metric")
    plan = VariantPlan(
        name=experiment_name(opened_suite.name, launched),
        suite=opened_suite.name,
        launched=launched,
        created_at=timestamp(),
        variants=tuple(names[1:]),
        cases=tuple(case.id for case in dataset.cases if cases is None or case.id in set(cases)),
        repetitions=repetitions or opened_suite.spec.repetitions,
        metric=metric,
        halving=halving,
        dataset_version=dataset.version,
        context_id=context.id,
    )
    launch = Launch(
        plan=pin_plan(opened_store, plan),
        store=opened_store,
        settings=settings,
        run_id=run_id,
        launched_by={"by": "python"},
        progress=progress or QuietProgress(),
    )
    return compare_as_planned(opened_suite, launch)


def evaluation_results(store: Store | Path | str, comparison: VariantComparison) -> dict[str, EvaluationResult]:
    """The outcome of each variant of a comparison, by its name.

    Raises:
        MissingUpstreamError: an experiment of it is gone.
    """
    opened = store if isinstance(store, Store) else open_store(str(store))
    links = links_of(opened, comparison)
    best = None if comparison.winner is None else _pinned_prompt(comparison.standing(comparison.winner))
    results = {}
    for standing in comparison.standings:
        summary = read_verdict(opened, comparison.suite, standing.experiment).summary
        own = {"pass_rate": summary.pass_rate, "score": summary.score}
        link = links.get(standing.name)
        results[standing.name] = EvaluationResult(
            dataset_name=comparison.suite,
            example_count=summary.cases,
            completed_count=sum(count for status, count in summary.status_counts.items() if status in _COMPLETED),
            scores={name: score.mean for name, score in {**summary.metrics, **own}.items() if score is not None},
            passed=standing.gates_passed,
            cost_usd=summary.cost_usd,
            costs=summary.costs,
            run_url=None if link is None else link.experiment,
            best_override=best,
        )
    return results


_COMPLETED = COMPLETED | {"limit"}


def _pinned_prompt(standing: VariantStanding) -> str | None:
    for name, commit in standing.prompts.items():
        return name if name.startswith("file:") else f"hub:{name}:{commit}"
    return None
