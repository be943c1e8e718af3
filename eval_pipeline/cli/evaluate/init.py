"""`eval-pipeline init DIR`: a new suite, from nothing or from what a project has already."""

import contextlib
import json
import os
import shlex
from pathlib import Path

import click

from eval_pipeline.cli.servers.recorder import settings_at_hand
from eval_pipeline.cli.shown import echo
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.feedback.case_import import cases_of_runs
from eval_pipeline.langsmith.datasets import LangSmithDatasets
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.scaffold.new_suite import NewSuite, dataset_suite, graph_suite, offline_suite, runs_suite
from eval_pipeline.scaffold.promptfoo import promptfoo_suite
from eval_pipeline.suite.import_path import is_import_path, resolve
from eval_pipeline.wording import counted, nearest

_MOST_RUNS = 100


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--from-langsmith", "dataset", metavar="DATASET", help="Cases are the examples of a LangSmith dataset.")
@click.option("--graph", metavar="PATH", help="The target is a graph: agent.py:graph, or langgraph.json[:name].")
@click.option("--from-runs", "project", metavar="PROJECT", help="Cases are what users asked in a tracing project.")
@click.option(
    "--from-promptfoo",
    "promptfoo",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Prompt, model and tests of a promptfooconfig.yaml.",
)
def init(folder: Path, dataset: str | None, graph: str | None, project: str | None, promptfoo: Path | None) -> int:
    """Create a new suite in DIR.

    Without options it runs offline. Writes suite.yaml, cases, a test, and schemas for editors; existing files stay.
    """
    given = [each for each in (dataset, graph, project, promptfoo) if each is not None]
    if len(given) > 1:
        raise click.UsageError("give one of --from-langsmith, --graph, --from-runs and --from-promptfoo")
    if dataset is not None:
        suite = _of_dataset(folder, dataset)
    elif graph is not None:
        suite = graph_suite(folder, _graph_path(folder, graph))
    elif project is not None:
        suite = _of_runs(folder, project)
    elif promptfoo is not None:
        suite = promptfoo_suite(folder, promptfoo)
    else:
        suite = offline_suite(folder)
    written = suite.write()
    for file in written:
        echo(f"wrote {os.path.relpath(file)}")
    for note in suite.notes:
        echo(f"note: {note}", err=True)
    shown = shlex.quote(str(folder))
    echo(f"next: eval-pipeline check {shown} && eval-pipeline run {shown} && eval-pipeline open {shown}")
    return 0


def _of_dataset(folder: Path, dataset: str) -> NewSuite:
    with settings_at_hand() as settings, LangSmithDatasets(settings) as datasets:
        version = datasets.version(dataset, tag="latest")
        listed = None if version is None else next(iter(datasets.examples(version)), None)
    if listed is None:
        raise InputError(Problem(message=f"the dataset {dataset!r} is empty", fix="add examples to it"))
    return dataset_suite(folder, dataset, references=list(listed.example.outputs or {}))


def _of_runs(folder: Path, project: str) -> NewSuite:
    with settings_at_hand() as settings, FeedbackServer(settings) as server:
        runs = server.root_runs(project, where=None, error=None, limit=_MOST_RUNS)
        web_url = server.connection.destination.web_url
    redactor = Redactor.of(settings)
    imported = cases_of_runs(runs, [], project=project, web_url=web_url, redactor=redactor)
    if not imported.cases:
        message = f"no message of a user in {counted(len(runs), 'run')} of {project!r}"
        raise InputError(Problem(message=message, fix="name a project whose runs have `messages` or text as input"))
    suite = runs_suite(folder, imported.cases)
    if imported.silent:
        suite.notes.append(f"{counted(imported.silent, 'run')} without a message of a user: left out")
    return suite


def _graph_path(folder: Path, graph: str) -> str:
    """The path of a graph as suite.yaml in `folder` has it.

    Raises:
        InputError: there is no such file or graph.
    """
    file, _, name = graph.rpartition(":") if ":" in graph else (graph, "", "")
    if file.endswith(".json"):
        return f"{_relative(Path(file), folder)}:{_graph_name(Path(file), name)}"
    if not is_import_path(graph):
        fix = "write agent.py:graph, package.module:graph, or langgraph.json:name"
        raise InputError(Problem(message=f"{graph!r} names no graph", fix=fix, field="--graph"))
    if not file.endswith(".py"):
        return graph
    if not Path(file).is_file():
        raise InputError(Problem(message=f"there is no file {file}", fix="correct the path", field="--graph"))
    relative = _relative(Path(file), folder)
    if not relative.startswith(".."):
        return f"{relative}:{name}"
    # Modules of the project around the suite are found by their names.
    module = ".".join(Path(os.path.relpath(file)).with_suffix("").parts)
    with contextlib.suppress(InputError):
        resolve(f"{module}:{name}", folder=folder.resolve())
        return f"{module}:{name}"
    fix = f"create the suite beside it: eval-pipeline init {shlex.quote(str(Path(file).parent / 'evals'))}"
    raise InputError(Problem(message=f"{file} cannot be imported from {folder}", fix=fix, field="--graph"))


def _relative(file: Path, folder: Path) -> str:
    return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()


def _graph_name(file: Path, name: str) -> str:
    try:
        graphs = json.loads(file.read_text(encoding="utf-8"))["graphs"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = "it lists no `graphs`" if isinstance(error, KeyError | TypeError) else str(error)
        problem = Problem(message=f"no graph can be read: {reason}", fix="name a langgraph.json", file=file)
        raise InputError(problem) from error
    if not name and len(graphs) == 1:
        return str(next(iter(graphs)))
    if name not in graphs:
        message = f"there is no graph {name!r}" if name else "it has several graphs"
        fix = nearest(name, graphs) if name else f"write langgraph.json:NAME with one of {', '.join(graphs)}"
        raise InputError(Problem(message=message, fix=fix, file=file))
    return name
