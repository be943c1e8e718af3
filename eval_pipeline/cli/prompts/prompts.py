"""`eval-pipeline prompts`: the prompts of LangSmith's Hub, or of the recorder's, from the terminal."""

from pathlib import Path

import click

from eval_pipeline.cli.prompts.hub import hub_at_hand
from eval_pipeline.cli.prompts.moves import history, promote, rollback
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.prompts.prompt import Prompt, prompt_of_file
from eval_pipeline.suite.spec.prompt_reference import LATEST, PromptReference, parse_reference

_SHOWN = 12
"""Digits of a commit, of which the Hub takes eight or more."""


@click.group()
def prompts() -> None:
    """Prompts of LangSmith's Hub; without a key, of the recorder's.

    NAME is a prompt of your workspace, NAME:TAG or NAME:COMMIT a version of it.
    """


for _command in (promote, rollback, history):
    prompts.add_command(_command)


@prompts.command("list")
def list_() -> int:
    """List the prompts there are, with what their tags name."""
    with hub_at_hand() as hub:
        found = hub.names()
        for name in found:
            tags = ", ".join(f"{tag} {commit[:_SHOWN]}" for tag, commit in sorted(hub.tags(name).items()))
            click.echo(f"{name}{f'  ({tags})' if tags else ''}")
    if not found:
        click.echo("there are no prompts; publish one with `eval-pipeline prompts push NAME FILE`", err=True)
    return 0


@prompts.command()
@click.argument("name")
def show(name: str) -> int:
    """Show a prompt, its variables, commits and tags."""
    with hub_at_hand() as hub:
        reference = _reference(name)
        prompt = hub.pull(reference)
        tags = hub.tags(reference.name)
        commits = hub.commits(reference.name)
    variables = ", ".join(sorted(prompt.variables)) or "none"
    click.echo(f"{prompt.reference} is {prompt.commit}; variables: {variables}")
    for commit in commits:
        named = ", ".join(tag for tag, tagged in sorted(tags.items()) if tagged == commit)
        click.echo(f"  {commit[:_SHOWN]}{f'  {named}' if named else ''}")
    click.echo(f"\n{_text(prompt)}")
    return 0


@prompts.command()
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
def pull(name: str, file: Path | None) -> int:
    """Write a prompt's text to FILE, or to the terminal."""
    with hub_at_hand() as hub:
        prompt = hub.pull(_reference(name))
    if file is None:
        click.echo(_text(prompt))
    else:
        file.write_text(_text(prompt), encoding="utf-8")
        click.echo(f"{prompt.reference} at {prompt.commit[:_SHOWN]} is in {file}", err=True)
    return 0


@prompts.command()
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tag", metavar="TAG", help="Put this tag on the commit.")
@click.option("--parent", metavar="COMMIT", help="Refuse unless this is the newest commit.")
@click.option("--message", metavar="TEXT", help="Why, kept with the commit.")
def push(name: str, file: Path, tag: str | None, parent: str | None, message: str | None) -> int:
    """Publish the text in FILE, with {{variables}}, as a new commit of NAME."""
    read = prompt_of_file(file, reference=_named(name))
    with hub_at_hand() as hub:
        commit = hub.push(read, parent=parent, description=message)
        if tag is not None:
            hub.tag(name, tag, commit)
    click.echo(f"{name}:{commit}")
    return 0


@prompts.command()
@click.argument("name")
@click.argument("tag")
@click.argument("commit")
def tag(name: str, tag: str, commit: str) -> int:
    """Put TAG of NAME on COMMIT: a hash, another tag, or `latest`."""
    with hub_at_hand() as hub:
        found = hub.pull(_named(name).at(commit)).commit
        before = hub.tags(name).get(tag)
        hub.tag(name, tag, found)
    click.echo(f"{name}:{tag} is {found[:_SHOWN]}" + ("" if before is None else f", and was {before[:_SHOWN]}"))
    return 0


def _reference(name: str) -> PromptReference:
    return parse_reference(f"hub:{name.removeprefix('hub:')}")


def _named(name: str) -> PromptReference:
    found = _reference(name)
    if found.version != LATEST:
        raise InputError(Problem(message=f"{name!r} names a version", fix="give the prompt's name alone"))
    return found


def _text(prompt: Prompt) -> str:
    """As `push` reads it: the text of one system message; other messages have their role before them."""
    found = prompt.parts()
    if [role for role, _ in found] == ["system"]:
        return found[0][1]
    return "\n\n".join(f"[{role}]\n{text}" for role, text in found)
