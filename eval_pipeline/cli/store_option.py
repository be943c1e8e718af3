"""`--store`, which every command that reads or writes results has.

Belongs here: that option. Does not belong here: opening a store (`eval_pipeline.store.opening`).
"""

import click

from eval_pipeline.resources import DEFAULT_STORE, STORE_VARIABLE

store_option = click.option(
    "--store",
    envvar=STORE_VARIABLE,
    default=DEFAULT_STORE,
    show_default=True,
    metavar="URI",
    help="Where results live.",
)
