"""`eval-pipeline variants`: compare the variants of a suite, and show what came of it."""

import json
import shlex
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter
from rich.console import Console

from eval_pipeline.cli.evaluate.resuming import LATEST, refuse_choice
from eval_pipeline.cli.evaluate.selection import Selection
from eval_pipeline.cli.servers.recording import recorder_at_hand
from eval_pipeline.cli.store_option import store_option
from eval_pipeline.cli.variants.progress import VariantsProgress
from eval_pipeline.cli.variants.table import show_variants
from eval_pipeline.defs.default_resources import store_resource
from eval_pipeline.defs.launching.instance import open_instance
from eval_pipeline.defs.launching.launch import RunBrokenError, Stopped
from eval_pipeline.defs.launching.launch_variants import VariantsRequest, launch_variants
from eval_pipeline.errors import EvalPipelineError, InputError, Problem
from eval_pipeline.store.layout import variants_page_key
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.suite.checking.check import check_suite
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.spec.variant import CURRENT
from eval_pipeline.suite.suite import Suite, read_suite
from eval_pipeline.user_code.stdout import stdout_for_result_only
from eval_pipeline.variants.links import links_of
from eval_pipeline.variants.variant import variants_of
from eval_pipeline.variants.variant_comparison import VariantComparison, find_comparison, latest_comparison
from eval_pipeline.variants.variant_plan import VariantPlan, find_plan, finished_attempts, latest_plan


@click.group()
def variants() -> None:
    """Compare other prompts, models and parameters (`variants:` in suite.yaml) with the suite as it stands."""


@variants.command()
@click.argument("suite")
@click.option(
    "--variants", "named", multiple=True, metavar="A,B", help="Compare these; by default all. May be repeated."
)
@click.option("--case", "cases", multiple=True, metavar="ID", help="Evaluate this case; may be repeated.")
@click.option("--cases", "case_list", metavar="ID,ID", help="Evaluate these cases.")
@click.option("--split", "splits", multiple=True, metavar="S", help="Evaluate the cases of this split.")
@click.option("--tag", "tags", multiple=True, metavar="T", help="Evaluate the cases with this tag.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Evaluate at most N cases.")
@click.option("--repetitions", type=click.IntRange(min=1), metavar="K", help="Make K attempts at each case.")
@click.option("--halving", is_flag=True, help="Drop variants that cannot win on the way.")
@click.option(
    "--by", "metric", metavar="METRIC", help="Compare by pass_rate (the default), score, or an assertion's mean score."
)
@click.option(
    "--resume",
    metavar="[NAME]",
    is_flag=False,
    flag_value=LATEST,
    help="Go on with a comparison that was not finished, by default the latest; what is finished is kept.",
)
@click.option("--retry-errors", is_flag=True, help="With --resume: make attempts that erred again, too.")
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")
def run(
    suite: str,
    named: tuple[str, ...],
    cases: tuple[str, ...],
    case_list: str | None,
    splits: tuple[str, ...],
    tags: tuple[str, ...],
    limit: int | None,
    repetitions: int | None,
    halving: bool,  # noqa: FBT001 - click passes options by name
    metric: str | None,
    resume: str | None,
    retry_errors: bool,  # noqa: FBT001
    store: str,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Evaluate the variants of SUITE (a name or a folder) on the same cases, and say which one is better.

    Exits 0 whatever they come to, 2 on bad input, 3 when the infrastructure failed.
    """
    chosen_cases = (*cases, *_listed((case_list or "",)))
    asked: dict[str, object] = {
        "--variants": named,
        "--case": chosen_cases,
        "--split": splits,
        "--tag": tags,
        "--limit": limit,
        "--repetitions": repetitions,
        "--halving": halving,
        "--by": metric,
    }
    with stdout_for_result_only() as stdout:
        found, all_cases, problems = check_suite(suite_folder(suite))
        if problems:
            raise InputError(problems)
        assert found is not None
        stored = store_resource(store)
        if resume is None:
            if retry_errors:
                raise InputError(Problem(message="--retry-errors is of --resume", fix="give --resume, or leave it out"))
            all_cases.sort(key=lambda case: case.id)
            selection = Selection(cases=chosen_cases, splits=splits, tags=tags, limit=limit).of(all_cases)
            request = VariantsRequest(
                variants=[each.name for each in variants_of(found, _listed(named) or None)[1:]],
                cases=None if len(selection) == len(all_cases) else [case.id for case in selection],
                repetitions=repetitions,
                metric=metric or "pass_rate",
                halving=halving,
            )
        else:
            refuse_choice(asked)
            plan = _plan_to_resume(stored.open(), found, resume)
            request = VariantsRequest(resumed=plan, retry_errors=retry_errors)
        comparison = _compared(found, request, stored, given=suite, cases=len(request.cases or all_cases))
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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")
def show(suite: str, name: str | None, store: str, as_json: bool) -> int:  # noqa: FBT001
    """Show the comparison NAME of the variants of SUITE, by default the latest."""
    opened, known = open_store(store), read_suite(suite_folder(suite)).name
    found = latest_comparison(opened, known) if name is None else find_comparison(opened, known, name)
    if found is None:
        told = "no variants were compared" if name is None else f"there is no comparison {name!r}"
        fix = f"eval-pipeline variants run {shlex.quote(suite)}"
        raise InputError(Problem(message=f"{told} of {known} in {opened.root}", fix=fix))
    if as_json:
        click.echo(json.dumps(_document(found, opened), indent=2))
    else:
        show_variants(found, opened, links_of(opened, found), Console())
    return 0


def _compared(suite: Suite, request: VariantsRequest, stored: Any, *, given: str, cases: int) -> VariantComparison:
    plan = request.resumed
    names = plan.variants if plan is not None else request.variants or ()
    finished = dict.fromkeys((CURRENT, *names), 0) if plan is None else finished_attempts(stored.open(), plan)
    repetitions = (request.repetitions if plan is None else plan.repetitions) or suite.spec.repetitions or 1
    attempts = repetitions * (cases if plan is None else len(plan.cases))
    console = Console(stderr=True)
    with (
        open_instance() as instance,
        recorder_at_hand(Path(instance.root_directory)) as langsmith,
        VariantsProgress(console, attempts=attempts, finished=finished) as progress,
    ):
        try:
            return launch_variants(
                suite, request=request, store=stored, langsmith=langsmith, instance=instance, progress=progress
            )
        except Stopped as stopped:
            if (way := _way_to_go_on(stored.open(), suite.name, stopped.experiment, given=given)) is not None:
                click.echo(way, err=True)
            raise
        except RunBrokenError as broken:
            if (way := _way_to_go_on(stored.open(), suite.name, broken.experiment, given=given)) is not None:
                broken.add_note(way)
            raise


def _way_to_go_on(store: Store, suite: str, name: str, *, given: str) -> str | None:
    """A line that says what was finished, and how to go on; None if nothing was."""
    try:
        plan = find_plan(store, suite, name)
        count = 0 if plan is None else sum(finished_attempts(store, plan).values())
    except EvalPipelineError:  # the store may be what broke it
        return None
    if not count:
        return None
    way = f"eval-pipeline variants run {shlex.quote(given)} --resume {name}"
    return f"{count} attempts are finished and kept; go on with: {way}"


def _plan_to_resume(store: Store, suite: Suite, name: str) -> VariantPlan:
    found = latest_plan(store, suite.name) if name == LATEST else find_plan(store, suite.name, name)
    if found is None:
        told = "no comparison of variants was begun" if name == LATEST else f"there is no comparison {name!r}"
        problem = Problem(message=f"{told} of {suite.name} in {store.root}", fix="compare them without --resume")
        raise InputError(problem)
    return found


def _document(comparison: VariantComparison, store: Store) -> dict[str, Any]:
    """A comparison, with where it is to be looked at."""
    found: dict[str, Any] = TypeAdapter(VariantComparison).dump_python(comparison, mode="json")
    links = links_of(store, comparison)
    return {
        **found,
        "score_delta": comparison.score_delta,
        "saved": comparison.effort.saved,
        "page": store.uri(variants_page_key(comparison.suite, comparison.name)),
        "experiment_urls": {name: link.experiment for name, link in links.items()},
    }


def _listed(given: tuple[str, ...]) -> list[str]:
    return [name.strip() for text in given for name in text.split(",") if name.strip()]
