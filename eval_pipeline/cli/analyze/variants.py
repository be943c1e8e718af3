"""`eval-pipeline variants`: evaluate the variants of a suite and compare them with the current suite."""

import json
import shlex
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter
from rich.console import Console

from eval_pipeline.cli.analyze.variants_table import show_variants
from eval_pipeline.cli.evaluate.progress import VariantsProgress, stderr_console
from eval_pipeline.cli.evaluate.resuming import LATEST, check_resume, resume_options
from eval_pipeline.cli.evaluate.selection import Selection, repetitions_option, selection_options
from eval_pipeline.cli.options import json_option, store_option
from eval_pipeline.cli.servers.case_servers import recorder_of_cases
from eval_pipeline.cli.servers.recorder import recorder_at_hand
from eval_pipeline.cli.shown import echo
from eval_pipeline.defs.launching.execute import RunFailedError, RunInterruptedError
from eval_pipeline.defs.launching.instance import open_instance
from eval_pipeline.defs.launching.launch_variants import VariantsRequest, launch_variants
from eval_pipeline.defs.resources import StoreResource, store_resource
from eval_pipeline.errors import EvalPipelineError, InputError, Problem
from eval_pipeline.store.layout import variants_page_key
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.metrics import require_metric
from eval_pipeline.suite.spec.variant import CURRENT
from eval_pipeline.suite.suite import Suite, read_suite
from eval_pipeline.user_code.result_stdout import stdout_for_result_only
from eval_pipeline.variants.links import links_of
from eval_pipeline.variants.variant import variants_of
from eval_pipeline.variants.variant_comparison import VariantComparison, find_comparison, latest_comparison
from eval_pipeline.variants.variant_plan import VariantPlan, find_plan, finished_attempts, latest_plan
from eval_pipeline.wording import counted


@click.group()
def variants() -> None:
    """Compare variants of a suite: prompts, models, parameters.

    A variant is an entry of `variants:` in suite.yaml that changes the prompt, model or parameters of the target.
    """


@variants.command()
@click.argument("suite")
@click.option("--variants", "named", multiple=True, metavar="A,B", help="Compare only these variants. Repeatable.")
@selection_options
@click.option("--cases", "case_list", metavar="ID,ID", help="Evaluate only these cases; as --case for each.")
@repetitions_option
@click.option("--by", "metric", metavar="METRIC", help="Compare by pass_rate (default), score, or an assertion.")
@click.option("--halving", is_flag=True, help="Drop variants early that cannot win (successive halving).")
@resume_options("an unfinished comparison")
@store_option
@json_option
def run(
    suite: str,
    named: tuple[str, ...],
    cases: tuple[str, ...],
    splits: tuple[str, ...],
    tags: tuple[str, ...],
    limit: int | None,
    case_list: str | None,
    repetitions: int | None,
    metric: str | None,
    halving: bool,  # noqa: FBT001 - click passes options by name
    resume: str | None,
    retry_errors: bool,  # noqa: FBT001
    store: str,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Evaluate variants on the same cases and compare them.

    Exit codes: 0 the comparison is complete, whichever variant is better; 2 invalid input; 3 infrastructure failure.
    """
    chosen_cases = (*cases, *_listed((case_list or "",)))
    fixed: dict[str, object] = {
        "--variants": named,
        "--case": chosen_cases,
        "--split": splits,
        "--tag": tags,
        "--limit": limit,
        "--repetitions": repetitions,
        "--halving": halving,
        "--by": metric,
    }
    folder = suite_folder(suite)
    with stdout_for_result_only() as stdout, recorder_of_cases(folder):
        loaded, all_cases, problems = check_suite(folder)
        if problems:
            raise InputError(problems)
        assert loaded is not None
        stored = store_resource(store)
        check_resume(resume=resume, retry_errors=retry_errors, fixed=fixed)
        if resume is None:
            all_cases.sort(key=lambda case: case.id)
            require_metric(metric or "pass_rate", loaded.spec.assertions, all_cases, loaded.facts(), field="--by")
            selection = Selection(cases=chosen_cases, splits=splits, tags=tags, limit=limit).of(all_cases)
            request = VariantsRequest(
                variants=[variant.name for variant in variants_of(loaded, _listed(named) or None)[1:]],
                cases=None if len(selection) == len(all_cases) else [case.id for case in selection],
                repetitions=repetitions,
                metric=metric or "pass_rate",
                halving=halving,
            )
        else:
            plan = _plan_to_resume(stored.open(), loaded, resume)
            request = VariantsRequest(resumed=plan, retry_errors=retry_errors)
        comparison = _launched(loaded, request, stored, given=suite, cases=len(request.cases or all_cases))
        opened = stored.open()
        if as_json:
            stdout.write(json.dumps(_document(comparison, opened), indent=2) + "\n")
        else:
            show_variants(comparison, opened, links_of(opened, comparison), Console(file=stdout))
    return 0


@variants.command()
@click.argument("suite")
@click.argument("name", required=False)
@store_option
@json_option
def show(suite: str, name: str | None, store: str, as_json: bool) -> int:  # noqa: FBT001
    """Show a comparison of variants, by default the latest."""
    opened, suite_name = open_store(store), read_suite(suite_folder(suite)).name
    comparison = latest_comparison(opened, suite_name) if name is None else find_comparison(opened, suite_name, name)
    if comparison is None:
        missing = "there is no comparison" if name is None else f"there is no comparison {name!r}"
        fix = f"eval-pipeline variants run {shlex.quote(suite)}"
        raise InputError(Problem(message=f"{missing} of {suite_name} in {opened.root}", fix=fix))
    if as_json:
        echo(json.dumps(_document(comparison, opened), indent=2))
    else:
        show_variants(comparison, opened, links_of(opened, comparison), Console())
    return 0


def _launched(
    suite: Suite, request: VariantsRequest, stored: StoreResource, *, given: str, cases: int
) -> VariantComparison:
    plan = request.resumed
    names = plan.variants if plan is not None else request.variants or ()
    finished = dict.fromkeys((CURRENT, *names), 0) if plan is None else finished_attempts(stored.open(), plan)
    repetitions = (request.repetitions if plan is None else plan.repetitions) or suite.spec.repetitions or 1
    attempts = repetitions * (cases if plan is None else len(plan.cases))
    with (
        stderr_console() as console,
        open_instance() as instance,
        recorder_at_hand(Path(instance.root_directory)) as langsmith,
    ):
        try:
            with VariantsProgress(console, attempts=attempts, finished=finished) as progress:
                return launch_variants(
                    suite, request=request, store=stored, langsmith=langsmith, instance=instance, progress=progress
                )
        except RunInterruptedError as interrupt:
            if (hint := _how_to_resume(stored.open(), suite.name, interrupt.experiment, given=given)) is not None:
                echo(hint, err=True)
            raise
        except RunFailedError as error:
            if (hint := _how_to_resume(stored.open(), suite.name, error.experiment, given=given)) is not None:
                error.add_note(hint)
            raise


def _how_to_resume(store: Store, suite: str, name: str, *, given: str) -> str | None:
    """How to resume a comparison, in a line; None if it has no finished attempts."""
    try:
        plan = find_plan(store, suite, name)
        count = 0 if plan is None else sum(finished_attempts(store, plan).values())
    except EvalPipelineError:  # the store may be the reason why the run failed
        return None
    if not count:
        return None
    command = f"eval-pipeline variants run {shlex.quote(given)} --resume {name}"
    return f"{counted(count, 'attempt')} are finished and kept. Resume with: {command}"


def _plan_to_resume(store: Store, suite: Suite, name: str) -> VariantPlan:
    plan = latest_plan(store, suite.name) if name == LATEST else find_plan(store, suite.name, name)
    if plan is None:
        missing = "there is no comparison" if name == LATEST else f"there is no comparison {name!r}"
        message = f"{missing} of {suite.name} in {store.root}"
        raise InputError(Problem(message=message, fix="compare the variants without --resume"))
    return plan


def _document(comparison: VariantComparison, store: Store) -> dict[str, Any]:
    """A comparison as JSON, with the addresses of its page and experiments."""
    document: dict[str, Any] = TypeAdapter(VariantComparison).dump_python(comparison, mode="json")
    links = links_of(store, comparison)
    return {
        **document,
        "score_delta": comparison.score_delta,
        "saved": comparison.effort.saved,
        "page": store.uri(variants_page_key(comparison.suite, comparison.name)),
        "experiment_urls": {name: link.experiment for name, link in links.items()},
    }


def _listed(given: tuple[str, ...]) -> list[str]:
    return [name.strip() for text in given for name in text.split(",") if name.strip()]
