"""Texts on the terminal: no control character of an agent, a server or a suite reaches it."""

import click
from rich import markup

from eval_pipeline.redaction.control_characters import without_control_characters


def escape(text: str) -> str:
    """`text` as markup of rich that shows it as it is."""
    return markup.escape(without_control_characters(text))


def echo(message: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a message that has no styles."""
    click.echo(without_control_characters(message), err=err, nl=nl)
