"""Run SQL: DuckDB over the tables of the context, SQLAlchemy for databases."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import sqlalchemy

from eval_pipeline.context.table_files import table_of_rows
from eval_pipeline.errors import InputError, PermanentError, Problem, TransientError


def query_tables(sql: str, tables: Mapping[str, pa.Table], *, place: str) -> pa.Table:
    """The result of `sql` over `tables`. The query cannot reach files or networks.

    Raises:
        InputError: the query is wrong; names `place`, the field of suite.yaml.
    """
    import duckdb  # noqa: PLC0415 - 20 MB, which reusing a snapshot does not need

    with duckdb.connect(config={"enable_external_access": False, "autoinstall_known_extensions": False}) as connection:
        for name, table in tables.items():
            connection.register(name, table)
        try:
            relation = connection.sql(sql)
            if relation is not None:
                return relation.to_arrow_table()
            reason = "it selects nothing"
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
    fix = f"correct it; tables are {', '.join(tables) or 'none'}"
    raise InputError(Problem(message=f"the query fails: {reason}", fix=fix, field=place))


def query_database(url: str, sql: str, *, place: str) -> pa.Table:
    """The result of `sql` at the database `url` (SQLAlchemy's form). Errors show the URL without its password.

    Raises:
        InputError: the URL or the query is wrong.
        PermanentError: the database's driver is not installed.
        TransientError: the database could not be reached.
    """
    try:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        fix = "write `dialect+driver://user:password@host/name`"
        raise InputError(Problem(message="the database URL cannot be read", fix=fix, field=place)) from error
    except ImportError as error:
        raise PermanentError(
            f"{place}: {error}", fix="install the database's driver, or name another in the URL"
        ) from error
    shown = _shown(engine.url)
    try:
        with engine.connect() as connection:
            result = connection.execute(sqlalchemy.text(sql))
            columns = list(result.keys())
            rows = [dict(row) for row in result.mappings()]
    except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError) as error:
        # SQLite reports mistakes in the query with the same error as a missing database.
        if any(sign in str(error.orig) for sign in ("no such", "syntax error")):
            raise _wrong_query(error, place) from error
        raise TransientError(
            f"{place}: {shown} could not be queried: {error.orig}", fix="check that it runs and can be reached"
        ) from error
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise _wrong_query(error, place) from error
    finally:
        engine.dispose()
    return table_of_rows([{name: _plain(value) for name, value in row.items()} for row in rows], columns)


def shown_url(url: str) -> str:
    """`url` without its secret parts, for hashes and metadata."""
    return _shown(sqlalchemy.engine.make_url(url))


def _shown(url: sqlalchemy.engine.URL) -> str:
    # Drivers take passwords and tokens in the query string as well.
    return url.set(query={}).render_as_string(hide_password=True)


def _wrong_query(error: sqlalchemy.exc.SQLAlchemyError, place: str) -> InputError:
    reason = str(getattr(error, "orig", None) or error).splitlines()[0]
    return InputError(Problem(message=f"the query fails: {reason}", fix="correct it", field=place))


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
