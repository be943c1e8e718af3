"""The entry point of `eval-pipeline`: its commands and its exit codes.

Exit codes: 0 success, all gates passed; 1 a blocking gate failed or is undecided; 2 invalid input; 3 infrastructure
failure; 130 interrupted.
"""

import gc
import importlib
import os
import sys
import traceback
from typing import NamedTuple

import click

from eval_pipeline.cli.shown import echo
from eval_pipeline.environment import declare_own_program
from eval_pipeline.errors import EvalPipelineError, InputError
from eval_pipeline.redaction.logs import displayable
from eval_pipeline.serving.loopback import exempt_loopback_from_proxies
from eval_pipeline.suite.upstream_assets import AssetReader, read_assets_by_default
from eval_pipeline.working_folder import hold_working_folder


class _Command(NamedTuple):
    module: str
    """`section.module:function` in `eval_pipeline.cli`."""
    summary: str
    """The first sentence of the command's docstring: `--help` shows it without importing the command."""


_COMMANDS = {
    "init": _Command("evaluate.init:init", "Create a new suite in DIR."),
    "run": _Command("evaluate.run:run", "Evaluate a suite."),
    "watch": _Command("evaluate.watch:watch", "Evaluate one case and show it live."),
    "check": _Command("evaluate.check:check", "Validate a suite and report every problem."),
    "schema": _Command("evaluate.schema:schema", "Print the JSON schema of suite.yaml, or of a file of cases."),
    "list": _Command("evaluate.list:list_suites", "List the available suites."),
    "score": _Command("analyze.score:score", "Score the answers of an experiment again."),
    "compare": _Command("analyze.compare:compare", "Compare experiments with a baseline."),
    "experiments": _Command("analyze.experiments:experiments", "List experiments, newest first."),
    "show": _Command("analyze.show:show", "Show the verdict on an experiment, or a transcript."),
    "open": _Command("analyze.open:open_", "Open a report, or traces, in the browser."),
    "export": _Command("analyze.export:export", "Write results as CSV, JSONL, Parquet, JUnit, Markdown or HTML."),
    "variants": _Command("analyze.variants:variants", "Compare variants of a suite: prompts, models, parameters."),
    "baseline": _Command("analyze.baseline:baseline", "Set or show the baseline of new experiments."),
    "agreement": _Command("analyze.agreement:agreement", "Measure how well scores agree with human labels."),
    "prompts": _Command("langsmith.prompts:prompts", "Manage prompts in the Prompt Hub, and promote variants."),
    "annotate": _Command("langsmith.annotate:annotate", "Add failed attempts to an annotation queue."),
    "corrections": _Command("langsmith.corrections:corrections", "Download human corrections as examples for judges."),
    "cases": _Command("langsmith.cases:cases", "Create cases from traced runs."),
    "traces": _Command("langsmith.traces:traces", "Show or send traces on disk: spooled or recorded."),
    "ui": _Command("servers.ui:ui", "Start the Dagster UI and daemon."),
    "serve": _Command("servers.serve:serve", "Serve evaluations over HTTP, with live events."),
    "recorder": _Command("servers.recorder:recorder", "Start the recorder, a local LangSmith-compatible server."),
    "doctor": _Command("deployment.doctor:doctor", "Check that a deployment can run evaluations."),
    "dagster-status": _Command(
        "deployment.dagster_status:dagster_status", "Show what Dagster has of a suite: partitions, checks, runs."
    ),
    "prune": _Command("deployment.prune:prune_", "Delete old results as `retention:` of a suite says."),
    "scaling": _Command("deployment.scaling:scaling", "Estimate duration, cost and bottleneck of a run."),
    "stepfunctions": _Command("deployment.stepfunctions:stepfunctions", "Print the state machine of a suite for AWS."),
}
_SECTIONS = {
    "evaluate": "Evaluate",
    "analyze": "Analyze",
    "langsmith": "LangSmith",
    "servers": "Servers",
    "deployment": "Deployment",
}


class _Commands(click.Group):
    """Imports a command when it is called: importing Dagster takes seconds, which `--help` does not need."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summary of each command, by section."""
        del ctx
        width = max(map(len, _COMMANDS))
        for folder, title in _SECTIONS.items():
            commands = {name: each for name, each in _COMMANDS.items() if each.module.startswith(f"{folder}.")}
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), each.summary) for name, each in commands.items()])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order of `--help`."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of that name; None if there is none."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, function = _COMMANDS[cmd_name].module.split(":")
        # Imports allocate objects that live as long as the process: collecting in between takes a sixth of their time.
        gc.disable()
        try:
            command = getattr(importlib.import_module(f"{__package__}.{module}"), function)
        finally:
            gc.enable()
            gc.freeze()
        assert isinstance(command, click.Command)
        return command


@click.version_option(package_name="eval-pipeline", message="%(prog)s %(version)s")
@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Evaluate LangChain and LangGraph agents at scale, with Dagster and LangSmith.

    A SUITE is the name of a suite or the folder that holds its suite.yaml.
    """
    exempt_loopback_from_proxies()
    click.get_current_context().with_resource(hold_working_folder())
    read_assets_by_default(_home_assets)


def _home_assets() -> AssetReader:
    """What reads assets of the Dagster home, for suites that name some."""
    from eval_pipeline.defs.launching.instance import open_instance  # noqa: PLC0415 - Dagster takes a second to import
    from eval_pipeline.defs.upstream_reader import DeploymentAssets  # noqa: PLC0415 - as above

    return DeploymentAssets(open_instance())


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = InputError.exit_code
    except (click.Abort, KeyboardInterrupt) as interrupt:
        # Click raises Abort from the KeyboardInterrupt of the command, which may carry notes.
        notes = getattr(interrupt.__cause__, "__notes__", ())
        echo("; ".join(["interrupted", *notes]), err=True)
        code = 130
    except EvalPipelineError as error:
        show_error(error)
        code = error.exit_code
    except Exception:  # noqa: BLE001 - no traceback may become exit code 1, which means that a gate failed
        echo(displayable(traceback.format_exc()), err=True)
        echo("This is a bug in eval-pipeline or in code that it calls; finished results are kept.", err=True)
        code = EvalPipelineError.exit_code
    sys.exit(code if isinstance(code, int) else 0)


def program() -> None:
    """Run `main` and end the process without finalizing the interpreter, as the installed script does.

    All files are written and closed by then. Finalizing aborted about one process in thirty under load (`terminate
    called without an active exception`, exit code 134), because of native threads of a dependency that Python cannot
    join.
    """
    declare_own_program()
    try:
        main()
    except SystemExit as exit_:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_.code if isinstance(exit_.code, int) else 0)


def show_error(error: EvalPipelineError) -> None:
    """Print an error to stderr, one line for each problem."""
    problems = error.problems if isinstance(error, InputError) else ()
    lines = [problem.shown(displayable) for problem in problems] or [displayable(str(error))]
    for line in lines:
        click.secho("error:", fg="red", bold=True, nl=False, err=True)
        echo(f" {line}", err=True)
    for note in getattr(error, "__notes__", ()):
        echo(displayable(note), err=True)
    if isinstance(error, InputError) and len(lines) > 1:
        echo(f"{len(lines)} problems; nothing was run.", err=True)
