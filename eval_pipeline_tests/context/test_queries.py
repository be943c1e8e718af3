"""SQL: over the tables of the context and nothing else, and at a database by URL."""

import sqlite3
from pathlib import Path

import pyarrow as pa
import pytest

from eval_pipeline.context.queries import query_database, query_tables, shown_url
from eval_pipeline.errors import InputError, PermanentError, TransientError

TABLES = {"orders": pa.table({"id": [1, 2, 3], "total": [5.0, 7.0, None]})}


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with a table of two rows."""
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE items (id INTEGER, name TEXT, photo BLOB)")
        connection.execute("INSERT INTO items VALUES (1, 'lamp', x'00ff'), (2, NULL, NULL)")
    connection.close()
    return f"sqlite:///{tmp_path / 'shop.db'}"


def test_a_query_reads_the_tables() -> None:
    result = query_tables("SELECT count(*) AS n, max(total) AS most FROM orders", TABLES, place="p")
    assert result.to_pylist() == [{"n": 3, "most": 7.0}]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM nothing",
        "SELEC 1",
        "SELECT missing FROM orders",
        "SELECT * FROM tables",
        "SELECT * FROM read_csv('/etc/hostname')",
        "COPY orders TO '/tmp/stolen.csv'",
        "SET enable_external_access = true; SELECT * FROM read_text('/etc/hostname')",
        "SELECT CAST('x' AS INTEGER) FROM orders",
        "",
        "-- nothing",
    ],
)
def test_a_query_that_is_wrong_or_reaches_out_is_refused_at_its_place(sql: str) -> None:
    with pytest.raises(InputError, match=r"^context\.tables\.x\.sql: the query") as caught:
        query_tables(sql, TABLES, place="context.tables.x.sql")
    assert "orders" in caught.value.problems[0].fix


def test_a_database_is_read_by_url(url: str) -> None:
    rows = query_database(url, "SELECT * FROM items ORDER BY id", place="p").to_pylist()
    assert rows == [{"id": 1, "name": "lamp", "photo": b"\x00\xff"}, {"id": 2, "name": None, "photo": None}]


@pytest.mark.parametrize("sql", ["SELECT * FROM gone", "SELECT gone FROM items", "SELEC 1", "DELETE FROM items"])
def test_a_wrong_query_to_a_database_is_the_users_mistake(url: str, sql: str) -> None:
    with pytest.raises(InputError, match="the query"):
        query_database(url, sql, place="p")


def test_a_database_that_cannot_be_reached_may_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="could not be queried") as caught:
        query_database(f"sqlite:///{tmp_path / 'no' / 'such.db'}", "SELECT 1", place="p")
    assert caught.value.retryable


def test_a_url_that_cannot_be_read_is_refused_and_not_shown() -> None:
    with pytest.raises(InputError, match="the database URL cannot be read") as caught:
        query_database("user:secret@host", "SELECT 1", place="p")
    assert "secret" not in str(caught.value)


def test_a_driver_that_is_not_installed_is_reported() -> None:
    with pytest.raises(PermanentError, match="install the database's driver") as caught:
        query_database("mysql+mysqldb://me:secret@host/db", "SELECT 1", place="p")
    assert "secret" not in str(caught.value)


def test_a_password_is_not_shown() -> None:
    assert shown_url("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"


def test_nothing_secret_in_a_url_is_shown(tmp_path: Path) -> None:
    assert shown_url("postgresql://me:secret@host/db?password=secret&sslmode=on") == "postgresql://me:***@host/db"
    with pytest.raises(TransientError) as caught:
        query_database(f"sqlite:///{tmp_path / 'no' / 'such.db'}?timeout=987654", "SELECT 1", place="p")
    assert "987654" not in str(caught.value)


def test_a_query_without_rows_keeps_its_columns(url: str) -> None:
    assert query_database(url, "SELECT id, name FROM items WHERE id > 9", place="p").column_names == ["id", "name"]
