"""`eval-pipeline prompts propose`: prompts that a chat model proposes, evaluated."""

import click

from eval_pipeline.cli.options import store_option
from eval_pipeline.cli.servers.recorder import settings_at_hand
from eval_pipeline.cli.shown import echo
from eval_pipeline.pipeline.progress import QuietProgress
from eval_pipeline.store.opening import open_store
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.variants.proposing import propose as propose_prompts


@click.command()
@click.argument("suite")
@click.option("--proposer", required=True, metavar="MODEL", help="Chat model that proposes: `provider:model`.")
@click.option("--number", type=click.IntRange(1, 20), default=3, show_default=True, help="Number of proposals.")
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Share of the cases that only check the best proposal.",
)
@click.option("--max-cost-usd", type=click.FloatRange(min=0), help="Stop when so much is spent.  [default: no limit]")
@store_option
def propose(suite: str, proposer: str, number: int, held_out: float, max_cost_usd: float | None, store: str) -> int:
    """Propose prompts for a suite and evaluate them.

    A chat model gets the prompt of SUITE's target and training cases that failed in the latest experiment. Its
    proposals are compared on the training cases, and the best once on held-out cases. Nothing is promoted.
    """
    loaded, opened = read_suite(suite_folder(suite)), open_store(store)
    with settings_at_hand() as settings:
        report = propose_prompts(
            loaded,
            opened,
            proposer=proposer,
            number=number,
            held_out=held_out,
            max_cost_usd=max_cost_usd,
            settings=settings,
            progress=QuietProgress(),
        )
    echo(f"{report.training_cases} training cases, {report.held_out_cases} held-out cases")
    for each in report.proposals:
        delta = "" if each.training_delta is None else f" {100 * each.training_delta:+.1f} points on training cases"
        echo(f"{each.name}: {each.refused or each.file}{delta}; {each.reason}")
    if report.stopped is not None:
        echo(f"not checked on held-out cases: {report.stopped}")
    elif report.held_out_verdict is not None:
        echo(f"held-out cases: {report.held_out_verdict}")
    return 0
