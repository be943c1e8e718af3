"""`eval-pipeline prompts`: the prompts in LangSmith's Prompt Hub, or in the recorder's."""

from pathlib import Path

import click

from eval_pipeline.cli.langsmith.hub import hub_at_hand
from eval_pipeline.cli.langsmith.prompt_moves import history, promote, rollback
from eval_pipeline.cli.langsmith.propose import propose
from eval_pipeline.cli.shown import echo
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.prompts.prompt import Prompt, prompt_of_file
from eval_pipeline.suite.spec.prompt_reference import LATEST, PromptReference, parse_reference

_SHOWN = 12
"""Digits of a commit hash; the Hub accepts eight or more."""


@click.group()
def prompts() -> None:
    """Manage prompts in the Prompt Hub, and promote variants.

    NAME is a prompt of your workspace, NAME:TAG or NAME:COMMIT one of its versions; `promote`, `rollback` and `history`
    take the SUITE whose prompt moves. Without a LangSmith API key, the recorder's Hub is used.
    """


for _command in (promote, rollback, history, propose):
    prompts.add_command(_command)


@prompts.command("list")
def list_() -> int:
    """List prompts and their tags."""
    with hub_at_hand() as hub:
        names = hub.names()
        for name in names:
            tags = ", ".join(f"{tag} {commit[:_SHOWN]}" for tag, commit in sorted(hub.tags(name).items()))
            echo(f"{name}{f'  ({tags})' if tags else ''}")
    if not names:
        echo("there are no prompts; create one with `eval-pipeline prompts push NAME FILE`", err=True)
    return 0


@prompts.command()
@click.argument("name")
def show(name: str) -> int:
    """Show the text, variables, commits and tags of a prompt."""
    with hub_at_hand() as hub:
        reference = _reference(name)
        prompt = hub.pull(reference)
        tags = hub.tags(reference.name)
        commits = hub.commits(reference.name)
    variables = ", ".join(sorted(prompt.variables)) or "none"
    echo(f"{prompt.reference} is {prompt.commit}; variables: {variables}")
    for commit in commits:
        names = ", ".join(tag for tag, tagged in sorted(tags.items()) if tagged == commit)
        echo(f"  {commit[:_SHOWN]}{f'  {names}' if names else ''}")
    echo(f"\n{_text(prompt)}")
    return 0


@prompts.command()
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
def pull(name: str, file: Path | None) -> int:
    """Write the text of a prompt to FILE or to stdout."""
    with hub_at_hand() as hub:
        prompt = hub.pull(_reference(name))
    if file is None:
        echo(_text(prompt))
    else:
        file.write_text(_text(prompt), encoding="utf-8")
        echo(f"wrote {prompt.reference} at {prompt.commit[:_SHOWN]} to {file}", err=True)
    return 0


@prompts.command()
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tag", metavar="TAG", help="Move this tag to the new commit.")
@click.option("--parent", metavar="COMMIT", help="Fail unless this is the latest commit.")
@click.option("--message", metavar="TEXT", help="Description of the commit.")
def push(name: str, file: Path, tag: str | None, parent: str | None, message: str | None) -> int:
    """Create a commit of a prompt from FILE.

    FILE is the text of the system message, with {{variables}}.
    """
    prompt = prompt_of_file(file, reference=_name_only(name))
    with hub_at_hand() as hub:
        commit = hub.push(prompt, parent=parent, description=message)
        if tag is not None:
            hub.tag(name, tag, commit)
    echo(f"{name}:{commit}")
    return 0


@prompts.command()
@click.argument("name")
@click.argument("tag")
@click.argument("commit")
def tag(name: str, tag: str, commit: str) -> int:
    """Move a tag to a commit.

    COMMIT is a hash, another tag, or `latest`. The tag is created if it does not exist.
    """
    with hub_at_hand() as hub:
        after = hub.pull(_name_only(name).at(commit)).commit
        before = hub.tags(name).get(tag)
        hub.tag(name, tag, after)
    echo(f"{name}:{tag} is {after[:_SHOWN]}" + ("" if before is None else f", and was {before[:_SHOWN]}"))
    return 0


def _reference(name: str) -> PromptReference:
    return parse_reference(f"hub:{name.removeprefix('hub:')}")


def _name_only(name: str) -> PromptReference:
    reference = _reference(name)
    if reference.version != LATEST:
        raise InputError(Problem(message=f"{name!r} includes a version", fix="give only the name of the prompt"))
    return reference


def _text(prompt: Prompt) -> str:
    """The text that `push` reads if the prompt is one system message; otherwise each message after its role."""
    messages = prompt.parts()
    if [role for role, _ in messages] == ["system"]:
        return messages[0][1]
    return "\n\n".join(f"[{role}]\n{text}" for role, text in messages)
