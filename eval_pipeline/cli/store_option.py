"""`--store`, which every command that reads or writes results has."""

import click

from eval_pipeline.settings import DEFAULT_STORE, STORE_VARIABLE

store_option = click.option(
    "--store",
    envvar=STORE_VARIABLE,
    default=DEFAULT_STORE,
    show_default=True,
    metavar="URI",
    help="Where results live.",
)
