"""`eval-pipeline`: the terminal's front door, and its exit codes.

0 passed    1 a gate failed    2 bad input    3 infrastructure
"""

import gc
import importlib
import os
import sys
import traceback

import click

from eval_pipeline.errors import EvalPipelineError, InputError
from eval_pipeline.redaction.logs import displayable

_COMMANDS = {
    "run": "eval_pipeline.cli.evaluate.run:run",
    "check": "eval_pipeline.cli.check:check",
    "watch": "eval_pipeline.cli.evaluate.watch:watch",
    "serve": "eval_pipeline.cli.servers.serve:serve",
    "list": "eval_pipeline.cli.list:list_suites",
    "agreement": "eval_pipeline.cli.analyze.agreement:agreement",
    "annotate": "eval_pipeline.cli.langsmith.annotate:annotate",
    "corrections": "eval_pipeline.cli.langsmith.corrections:corrections",
    "cases": "eval_pipeline.cli.langsmith.cases:cases",
    "ui": "eval_pipeline.cli.servers.ui:ui",
    "recorder": "eval_pipeline.cli.servers.recorder:recorder",
    "traces": "eval_pipeline.cli.langsmith.traces:traces",
    "compare": "eval_pipeline.cli.analyze.compare:compare",
    "variants": "eval_pipeline.cli.variants.variants:variants",
    "prompts": "eval_pipeline.cli.prompts.prompts:prompts",
    "baseline": "eval_pipeline.cli.analyze.baseline:baseline",
    "stepfunctions": "eval_pipeline.cli.stepfunctions:stepfunctions",
    "scaling": "eval_pipeline.cli.scaling:scaling",
    "doctor": "eval_pipeline.cli.doctor:doctor",
}

_SAID = {
    "run": "Evaluate SUITE (a name or a folder).",
    "check": "Say everything that is wrong with SUITE (a name or a folder).",
    "watch": "Evaluate CASE of SUITE (a name or a folder) and show it live.",
    "serve": "Evaluate on request over HTTP, as server-sent events: SUITEs (names or folders), or all there are.",
    "list": "Show the suites that ship with the package and those in EVAL_PIPELINE_SUITES.",
    "agreement": (
        "Compare the results of SUITE with what people said: LABELS is CSV, JSONL or Parquet, or else LangSmith is "
        "asked."
    ),
    "annotate": "Put the cases of SUITE that did not pass into an annotation queue, each run once.",
    "corrections": "Pull what people corrected in SUITE's experiments, for `judge.corrections: {from: langsmith}`.",
    "cases": "The cases of a suite.",
    "ui": "Open the Dagster UI, with the daemon that runs schedules, sensors and backfills.",
    "recorder": "Record traces, datasets and feedback as LangSmith would, and show them.",
    "traces": "Traces that wait on disk because LangSmith, or the recorder, could not take them.",
    "compare": "Hold experiments B, C, … against A: differences on the cases both have, with intervals and p-values.",
    "variants": "Compare other prompts, models and parameters (`variants:` in suite.yaml) with the suite as it stands.",
    "prompts": "Prompts of LangSmith's Hub; without a key, of the recorder's.",
    "baseline": "What new experiments are compared with: the last that passed, unless one is set here.",
    "stepfunctions": "Print the state machine of SUITE (a name or a folder): prefetch, distributed map, summarise.",
    "scaling": "Foretell duration, cost and bottleneck of a run, with the limits and the compute of SUITE.",
    "doctor": (
        "Try what runs need: store, cache, Dagster, its workers, traces, clock, packages, and what SUITES call."
    ),
}
"""The first sentence of each command, so that `--help` imports none of them; a test holds them against each other."""


class _Commands(click.Group):
    """Imports a command only when it is asked for: Dagster takes seconds, `--help` should not."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command does."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, _SAID[name]) for name in _COMMANDS])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order a newcomer meets them."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name].split(":")
        # What imports make stays: to look through it for garbage again and again takes a sixth of their time.
        gc.disable()
        try:
            command = getattr(importlib.import_module(module), attribute)
        finally:
            gc.enable()
            gc.freeze()
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Evaluate LangChain / LangGraph agents: query the shared context once, evaluate every case against it."""


def main() -> None:
    """Run the terminal's command and exit with its code."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = InputError.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; what was finished is kept", err=True)
        code = 130
    except EvalPipelineError as error:
        show_error(error)
        code = error.exit_code
    except Exception:  # noqa: BLE001 - the last place before the shell
        # Exit 1 means that a gate failed, and an accident must not say that.
        click.echo(displayable(traceback.format_exc()), err=True)
        click.echo(
            "this is a defect of eval-pipeline, or of something it calls; nothing that was finished is lost", err=True
        )
        code = EvalPipelineError.exit_code
    sys.exit(code if isinstance(code, int) else 0)


def program() -> None:
    """`main`, as the installed program: ends the process without tearing the interpreter down.

    Everything is written and closed by then. Tearing down aborted about one process in thirty under load (`terminate
    called without an active exception`, exit 134), from native threads of a dependency that Python cannot wait for.
    """
    try:
        main()
    except SystemExit as stopped:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(stopped.code if isinstance(stopped.code, int) else 0)


def show_error(error: EvalPipelineError) -> None:
    """Print an error to stderr: a line for each problem."""
    lines = [str(problem) for problem in error.problems] if isinstance(error, InputError) else [str(error)]
    for line in lines:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {displayable(line)}", err=True)
    for note in getattr(error, "__notes__", ()):
        click.echo(displayable(note), err=True)
    if isinstance(error, InputError) and len(lines) > 1:
        click.echo(f"{len(lines)} problems; nothing was run.", err=True)
