"""How often a run lists the result log of its experiment, and reads a segment of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject

CASES = ["gold", "milk", "tea"]
_OLDER, _RESUMED = "00000000older", "0000000resumed"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """By object or folder, how often it was read or listed."""
    counts: Counter[tuple[str, str]] = Counter()
    get_table, list_keys = LocalStore.get_table, LocalStore.list

    def counted_table(store: LocalStore, key: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        counts["read", key] += 1
        return get_table(store, key, columns)

    def counted_list(store: LocalStore, prefix: str) -> Iterator[str]:
        counts["list", prefix] += 1
        return list_keys(store, prefix)

    monkeypatch.setattr(LocalStore, "get_table", counted_table)
    monkeypatch.setattr(LocalStore, "list", counted_list)
    return counts


def _write_agent(project: DagsterProject) -> Path:
    """An agent that loses its provider at the second attempt at tea, until a file is there. Returns the file."""
    back, calls = project.folder.parent / "back", project.folder.parent / "calls"
    (project.folder / "agent.py").write_text(
        "import pathlib\n"
        "from eval_pipeline.errors import TransientError\n"
        f"BACK, CALLS = pathlib.Path({str(back)!r}), pathlib.Path({str(calls)!r})\n"
        "def answer(message):\n"
        "    if 'tea' in message and not BACK.exists():\n"
        "        if CALLS.exists():\n"
        "            raise TransientError('the provider is away', fix='wait')\n"
        "        CALLS.touch()\n"
        "    return '4.20 1.10'\n"
    )
    suite = project.folder / "suite.yaml"
    suite.write_text(suite.read_text() + "evaluation: {max_concurrency: 1}\n")
    return back


def _traced(project: DagsterProject, server: RecorderServer, spool: Path) -> DagsterProject:
    langsmith = LangSmithResource(
        mode="recorder", tracing_enabled=True, recorder_url=server.url, spool_folder=str(spool)
    )
    return replace(project, langsmith=langsmith)


def test_a_resumed_run_lists_its_result_log_once_and_reads_what_each_segment_holds_once(
    project: DagsterProject, tmp_path: Path, reads: Counter[tuple[str, str]]
) -> None:
    """The run restores rows that its server lacks, reports a case that was half made, and reuses an older result."""
    back = _write_agent(project)
    project.register(CASES)
    with RecorderServer(db_path=tmp_path / "first.sqlite") as server:
        first = _traced(project, server, tmp_path / "spool")
        back.touch()
        assert first.run("gold", "tea", config={"repetitions": 2}, tags={"eval/launch": _OLDER}).success
        back.unlink()
        failed = first.run("gold", "tea", config={"repetitions": 2}, tags={"eval/launch": _RESUMED})
        assert not failed.success
    back.touch()
    reads.clear()

    with RecorderServer(db_path=tmp_path / "second.sqlite") as server:
        resumed = _traced(project, server, tmp_path / "spool").run(
            "gold",
            "tea",
            assets=["case_results"],
            config={"repetitions": 2, "reuse": "unchanged"},
            tags={"eval/launch": _RESUMED},
        )

    assert resumed.success
    # What is finished, the rows that the server lacks, and the results of cases that were not reported.
    assert _counts(reads, _RESUMED) == {"list": 1, "read": 3}
    # What is reusable, and the results that are.
    assert _counts(reads, _OLDER) == {"list": 1, "read": 2}


def _counts(reads: Counter[tuple[str, str]], launch: str) -> dict[str, int]:
    """How often the only segment of an experiment's log was read, and the log was listed."""
    return {what: count for (what, key), count in reads.items() if f"/shop-{launch[:12]}/results/" in key}
