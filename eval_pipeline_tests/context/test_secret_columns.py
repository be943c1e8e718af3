"""Secrets of a query are known under other names, and their values wherever they stand."""

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pytest

from eval_pipeline.context.build import ensure_snapshot
from eval_pipeline.context.plan import plan_context
from eval_pipeline.context.secret_columns import secret_columns
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.redaction.secret_values import SecretValues
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.building import a_suite

SECRET = "[redacted:secret]"
WORD = 'hunter2 "rose" & öl/9'


@pytest.mark.parametrize(
    ("sql", "secret", "joined"),
    [
        ("SELECT password AS word, name FROM users", {"word"}, {"word"}),
        ("select u.password w, u.name n from users u", {"w"}, {"w"}),
        ('SELECT upper(u."Api Key") AS "K" FROM users u', {"k"}, {"k"}),
        ("WITH a AS (SELECT api_key AS x FROM t) SELECT x AS y, n AS z FROM a", {"x", "y"}, {"x", "y"}),
        ("SELECT cast(password AS varchar) AS v, password::text AS w FROM t", {"v", "w"}, {"v", "w"}),
        ("SELECT 'for ' || name || ': ' || password AS text FROM t", set(), {"text"}),
        ("SELECT concat(name, password) AS text FROM t", set(), {"text"}),
        ("SELECT case when token is null then 'free' else 'paid' end AS plan FROM t", set(), {"plan"}),
        ("SELECT count(*) AS n, length(name) AS long FROM t WHERE token = 'x' -- password AS n", set(), set()),
        ("SELECT 'password' AS kind, id AS number FROM t GROUP BY token", set(), set()),
    ],
)
def test_a_column_that_is_computed_from_a_secret_one_is_known(sql: str, secret: set[str], joined: set[str]) -> None:
    assert (secret_columns(sql, joined=False), secret_columns(sql, joined=True)) == (secret, joined)


def test_a_value_is_found_in_whatever_it_is_written() -> None:
    values = SecretValues()
    values.add([WORD])
    basic = base64.b64encode(f"ann:{WORD}".encode()).decode()
    for written in (WORD, json.dumps(WORD), json.dumps(WORD, ensure_ascii=False), quote(WORD, safe="")):
        text = values.text(f"for ann: {written}; and more")
        assert (SECRET in text, "hunter2" in text, text.endswith("and more")) == (True, False, True), written
    assert base64.b64encode(WORD.encode()).decode()[:20] not in values.text(f"is {basic} so")
    assert values.text("nothing of it") == "nothing of it"


def test_short_values_and_words_are_not_looked_for_within_texts() -> None:
    values = SecretValues()
    values.add(["1234", "international", "X-9f8e7d6c"])
    text = "1234 international X-9f8e7d6c"
    assert values.text(text) == f"1234 international {SECRET}"
    assert values.are_all(pa.chunked_array([["1234", None, "international"]]))
    assert not values.are_all(pa.chunked_array([["1234", "other"]]))
    assert not values.are_all(pa.chunked_array([[None, ""]], type=pa.string()))


def _snapshot(folder: Path, *, redact: bool = True) -> dict[str, list[dict[str, object]]]:
    """The tables and documents of a suite whose users have passwords."""
    users = [
        {"id": 1, "name": "ann", "password": WORD, "settings": json.dumps({"api_key": "K-77aa88bb"})},
        {"id": 2, "name": "bob", "password": "1234", "settings": "{}"},
    ]
    logins = [{"user": 1, "line": f"ann tried {WORD} at 9"}, {"user": 2, "line": "bob has K-77aa88bb, 1234"}]
    folder.mkdir()
    for name, rows in (("users", users), ("logins", logins)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tables = {
        "logins": {"file": "logins.jsonl"},
        "users": {"file": "users.jsonl", "redact": redact},
        "renamed": {"sql": "SELECT id, password AS word FROM users"},
        "passed_on": {"sql": "SELECT id, word AS a, substr(word, 1, 99) AS b FROM renamed"},
        "nested": {"sql": "SELECT id, {'of': name, 'it': password} AS both FROM users"},
    }
    documents = {
        "source": {"sql": "SELECT id, 'login of ' || name || ' with ' || password AS text FROM users"},
        "id": "id",
        "text": "text",
    }
    suite = a_suite(folder, context={"tables": tables, "documents": documents})
    store = LocalStore(folder / "store")
    snapshot = ensure_snapshot(plan_context(suite, [], redactor=Redactor()), store)
    context = SharedContext.open(store, suite.name, snapshot.manifest.context_id)
    searchable = [{"text": document.text} for document in context.documents(9)]
    return {**{name: context.table(name).to_pylist() for name in tables}, "documents": searchable}


def test_a_secret_column_stays_one_renamed_in_a_document_and_in_tables_read_before(tmp_path: Path) -> None:
    parts = _snapshot(tmp_path / "suite")
    assert [row["word"] for row in parts["renamed"]] == [SECRET, SECRET]
    assert {(row["a"], row["b"]) for row in parts["passed_on"]} == {(SECRET, SECRET)}
    assert [row["line"] for row in parts["logins"]] == [f"ann tried {SECRET} at 9", f"bob has {SECRET}, 1234"]
    assert [row["both"] for row in parts["nested"]] == [{"of": "ann", "it": SECRET}, {"of": "bob", "it": "1234"}]
    assert parts["documents"][0]["text"] == f"login of ann with {SECRET}"
    assert "hunter2" not in json.dumps(parts)


def test_only_a_table_that_is_not_redacted_keeps_its_secrets(tmp_path: Path) -> None:
    parts = _snapshot(tmp_path / "suite", redact=False)
    assert parts["users"][0]["password"] == WORD
    assert parts["logins"][0]["line"] == f"ann tried {SECRET} at 9"
    assert [row["word"] for row in parts["renamed"]] == [SECRET, SECRET]
