"""`eval-pipeline score EXPERIMENT`: score its answers again by the assertions as they are now."""

import json
import time
import uuid
from dataclasses import asdict

import click
from rich.console import Console

from eval_pipeline.cli.evaluate.show import outcome_json, show_outcome
from eval_pipeline.cli.options import json_option, store_option, suite_of_experiments, suite_option
from eval_pipeline.cli.servers.recorder import recorder_at_hand
from eval_pipeline.defs.launching.instance import home_folder
from eval_pipeline.defs.launching.launch import EvaluationOutcome
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.pipeline.rescore import Rescoring, RescoringPlan, open_rescoring
from eval_pipeline.results.experiment_record import read_experiment, suite_of
from eval_pipeline.store.opening import open_store
from eval_pipeline.user_code.result_stdout import stdout_for_result_only
from eval_pipeline.wording import counted, first_names

_GATE_FAILED = 1
_MOST_NAMED = 12


@click.command()
@click.argument("experiment")
@click.option("--only", multiple=True, metavar="NAME", help="Score only this metric; the others stay. Repeatable.")
@click.option("--dry-run", is_flag=True, help="Say what would be scored, and what that costs. Nothing is called.")
@click.option("--resume", is_flag=True, help="Continue the latest scoring of EXPERIMENT. Finished scores are kept.")
@suite_option
@store_option
@json_option
def score(
    experiment: str,
    only: tuple[str, ...],
    given_suite: str | None,
    store: str,
    *,
    dry_run: bool,
    resume: bool,
    as_json: bool,
) -> int:
    """Score the answers of an experiment again.

    Makes a new experiment of the answers of EXPERIMENT, scored by the suite's assertions as they are now. The target is
    not called; scores whose assertion has not changed are taken over.

    Exit codes: 0 all blocking gates passed, 1 a blocking gate failed or is undecided, 2 invalid input, 3
    infrastructure failure.
    """
    with stdout_for_result_only() as stdout:
        opened = open_store(store)
        suite = suite_of_experiments(suite_of(opened, experiment), given_suite)
        source = read_experiment(opened, suite.name, experiment)
        with recorder_at_hand(home_folder()) as langsmith:
            launch_id, started = uuid.uuid4().hex, time.monotonic()
            rescoring = open_rescoring(
                opened,
                suite,
                source,
                langsmith.settings(),
                launch_id=launch_id,
                only=only,
                resume=resume,
                dry_run=dry_run,
            )
            plan = rescoring.plan()
            _require_something(rescoring, plan, only)
            if dry_run:
                stdout.write(json.dumps(asdict(plan), indent=2) + "\n" if as_json else _shown(plan))
                return 0
            click.echo(_shown(plan), err=True, nl=False)
            conclusion = rescoring.score(run_id=launch_id)
        outcome = EvaluationOutcome(
            record=rescoring.experiment.record,
            verdict=conclusion.verdict,
            store=opened,
            context_reused=True,
            experiment_url=conclusion.experiment_url,
            traces_lost=0,
            run_id=launch_id,
            wall_s=time.monotonic() - started,
        )
        if as_json:
            stdout.write(json.dumps(outcome_json(outcome), indent=2) + "\n")
        else:
            show_outcome(outcome, Console(file=stdout))
    return 0 if outcome.verdict.passed else _GATE_FAILED


def _require_something(rescoring: Rescoring, plan: RescoringPlan, only: tuple[str, ...]) -> None:
    if not plan.attempts:
        message = f"{rescoring.source.experiment} has no answer to what the suite's cases ask now"
        raise InputError(Problem(message=message, fix="evaluate the suite: `eval-pipeline run`"))
    suite = rescoring.evaluator.suite
    metrics = {each.metric for each in suite.spec.assertions}
    metrics |= {each.metric for case in rescoring.cases.values() for each in case.every_assertion}
    if unknown := [name for name in only if name not in metrics]:
        fix = f"name some of {', '.join(sorted(metrics))}"
        raise InputError(Problem(message=f"no assertion has the metric {unknown[0]!r}", fix=fix, field="--only"))


def _shown(plan: RescoringPlan) -> str:
    lines = [f"{counted(plan.attempts, 'answer')}; {counted(plan.kept, 'score')} taken over as they are"]
    lines += [f"  {name}: {counted(number, 'score')} to make" for name, number in plan.new.items()]
    if plan.new:
        cost = "not known" if plan.judge_cost_usd is None else f"about ${plan.judge_cost_usd:.4f}"
        lines.append(f"  judges: {cost}, by what they cost in the experiment")
    if plan.without_answer:
        lines.append(f"  {counted(plan.without_answer, 'attempt')} without an answer, which stay errors")
    if plan.changed_cases:
        names = first_names(plan.changed_cases, _MOST_NAMED)
        lines.append(f"  left out, because they ask something else now or are gone: {names}")
    if plan.redacted:
        lines.append(f"  of {counted(plan.redacted, 'answer')} something was redacted, which assertions cannot see")
    return "".join(f"{line}\n" for line in lines)
