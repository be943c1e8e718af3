"""Dagster's migrations, read when this is imported: by the server that warm processes are forked from."""

from eval_pipeline_tests.dagster_homes import read_migrations

read_migrations()
