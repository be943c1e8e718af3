"""A page of every command, from the terminal's own help."""

from collections.abc import Iterator

import click

from eval_pipeline.cli.main import cli


def commands_page() -> str:
    """The page, in Markdown."""
    context = click.Context(cli, info_name="eval-pipeline", **cli.context_settings)
    lines = ["# Commands", "", "What `eval-pipeline COMMAND --help` prints.", ""]
    for command, inner in _commands(context):
        lines += [f"## {inner.command_path}", "", "```text", command.get_help(inner), "```", ""]
    return "\n".join(lines)


def _commands(context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """Each command below a group that does something by itself, and its context."""
    group = context.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context, terminal_width=100)
        yield command, inner
        if isinstance(command, click.Group):
            yield from _commands(inner)
