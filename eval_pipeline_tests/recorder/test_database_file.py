"""The recorder's database: older versions, compaction, backup and restore, and statistics that are kept."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from eval_pipeline.cli.servers.recorder import recorder as command
from eval_pipeline.errors import InputError
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.frame import Frame, run_operation
from eval_pipeline.recorder.store.codec import pack, repack, unpack
from eval_pipeline.recorder.store.compacting import back_up, compact
from eval_pipeline.recorder.store.runs import RunQuery
from eval_pipeline_tests.recorder.frames import a_run


def _filled(path: Path, number: int = 30) -> list[dict[str, Any]]:
    runs = [
        a_run(extra={"metadata": {"case_id": f"case-{index}"}}, inputs={"q": "why? " * 40}) for index in range(number)
    ]
    with closing(Recorder(path)) as recorder:
        recorder.receive(Frame(runs=[run_operation("post", run) for run in runs]))
    return runs


def _read(path: Path) -> list[Any]:
    with closing(Recorder(path)) as recorder:
        return recorder.runs.query(RunQuery(limit=1000))[0]


def _as_version_0(path: Path) -> None:
    """Make a database what the version before versions wrote."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT run_id, inputs, outputs, extra FROM payloads").fetchall()
        for run_id, *values in rows:
            plain = [orjson.dumps(unpack(value)) for value in values]
            update = "UPDATE payloads SET inputs = ?, outputs = ?, extra = ? WHERE run_id = ?"
            connection.execute(update, (*plain, run_id))
            connection.execute("UPDATE runs SET inputs_preview = 'why?' WHERE id = ?", (run_id,))
        connection.executescript(
            "DROP INDEX runs_of_trace; DROP INDEX runs_by_start; DROP TABLE session_statistics; DROP TABLE otlp_spans;"
            "DROP TABLE feedback_configs; PRAGMA user_version = 0;"
            "CREATE INDEX runs_by_trace ON runs (trace_id, dotted_order);"
            "CREATE INDEX runs_by_session ON runs (session_id, start_us);"
        )
        for table in ("runs", "feedback"):
            for event in ("insert", "update", "delete"):
                connection.execute(f"DROP TRIGGER {table}_{event}_changes_statistics")
        connection.commit()


def test_a_database_of_an_older_version_is_read_and_compacted(tmp_path: Path) -> None:
    path = tmp_path / "recorder.sqlite"
    _filled(path, 300)
    expected = _read(path)
    _as_version_0(path)
    assert _read(path) == expected
    before = path.stat().st_size
    size = "SELECT sum(length(inputs) + length(outputs) + length(extra)) AS size FROM payloads"
    with closing(Recorder(path)) as recorder:
        (plain,) = recorder.database.rows(size)
        compact(recorder.database)
        (packed,) = recorder.database.rows(size)
        names = {row["name"] for row in recorder.database.rows("SELECT name FROM sqlite_schema WHERE type = 'index'")}
    assert packed["size"] < plain["size"] / 2
    assert path.stat().st_size < before
    assert {"runs_of_trace", "runs_by_start"} <= names
    assert not {"runs_by_trace", "runs_by_session"} & names
    assert _read(path) == expected


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recorder.sqlite"
    _filled(path, 1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="version 99, which a later eval_pipeline wrote"):
        Recorder(path)


def test_a_database_is_backed_up_while_it_is_written_and_restored(tmp_path: Path) -> None:
    path, copy = tmp_path / "recorder.sqlite", tmp_path / "backups" / "monday.sqlite"
    _filled(path)
    with closing(Recorder(path)) as recorder:
        expected = recorder.runs.query(RunQuery(limit=1000))[0]
        back_up(path, copy)
        recorder.receive(Frame(runs=[run_operation("post", a_run())]))
    with pytest.raises(InputError, match="exists already"):
        back_up(path, copy)
    for file in tmp_path.glob("recorder.sqlite*"):
        file.unlink()
    copy.rename(path)
    assert _read(path) == expected


def test_the_terminal_compacts_and_backs_up(tmp_path: Path) -> None:
    path, copy = tmp_path / "recorder.sqlite", tmp_path / "copy.sqlite"
    _filled(path)
    for arguments in (["compact"], ["backup", str(copy)]):
        done = CliRunner().invoke(command, ["--db", str(path), *arguments])
        assert (done.exit_code, done.exception) == (0, None), done.output
    assert _read(copy) == _read(path)


@pytest.mark.parametrize("value", [{}, {"a": "東京" * 50}, [1] * 100, "x" * 10_000], ids=str)
def test_what_is_packed_is_unpacked(value: Any) -> None:
    data = orjson.dumps(value)
    packed = pack(data)
    assert unpack(packed) == value
    assert packed is not None
    assert len(packed) <= len(data)
    assert repack(packed) == packed
    assert unpack(repack(data)) == value


def test_statistics_are_kept_until_something_of_them_changes(tmp_path: Path) -> None:
    path = tmp_path / "recorder.sqlite"
    first, *_ = _filled(path, 3)
    with closing(Recorder(path)) as recorder:
        session = recorder.sessions.find(name="plain")[0]["id"]

        def counted() -> tuple[int, Any]:
            statistics = recorder.statistics.of_session(session)
            (kept,) = recorder.database.rows("SELECT body FROM session_statistics WHERE session_id = ?", (session,))
            assert unpack(kept["body"]) == statistics == recorder.statistics.of_session(session)
            return statistics["run_count"], statistics["feedback_stats"].get("k", {}).get("avg")

        assert counted() == (3, None)
        recorder.receive(Frame(runs=[run_operation("post", a_run())]))
        assert counted() == (4, None)
        feedback = recorder.feedback.put({"run_id": first["id"], "key": "k", "score": 1})
        assert counted() == (4, 1)
        recorder.feedback.update(feedback, {"score": 0})
        assert counted() == (4, 0)
        recorder.feedback.delete(feedback)
        assert counted() == (4, None)
        recorder.runs.delete_traces(session, [first["trace_id"]])
        assert counted() == (3, None)
