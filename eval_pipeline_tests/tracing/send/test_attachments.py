"""Files that a target's runs carry are in the case's trace: sent at once, or from the spool."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from langsmith import traceable
from langsmith.run_trees import RunTree
from langsmith.schemas import Attachment

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.runs.collecting_client import CollectingClient
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.tracing.send.flush import flush_spool
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline.tracing.shape.case_trace import CaseTracer
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator
from eval_pipeline_tests.tracing.traced import AnExperiment

PICTURE = b"\x89PNG\r\n\x1a\n--boundary\r\n\0"
KEY = "sk-proj-" + "Ab3" * 16


@traceable
def look(picture: Attachment, note: Attachment) -> str:
    """A step of an agent that gets files."""
    return f"{picture.mime_type} {note.mime_type}"


async def answer(message: str) -> str:
    """An agent one of whose runs carries files."""
    note = f"the key is {KEY}".encode()
    look(Attachment(mime_type="image/png", data=PICTURE), note=Attachment(mime_type="text/plain", data=note))
    return message


def _attachments(server: RecorderServer) -> dict[str, tuple[str, bytes]]:
    rows = server.recorder.database.rows(
        "SELECT runs.name AS run, attachments.* FROM attachments JOIN runs ON runs.id = owner_id"
    )
    assert {row["run"] for row in rows} <= {"look"}
    return {row["name"]: (row["content_type"], bytes(row["data"])) for row in rows}


@pytest.mark.parametrize("away", [False, True])
def test_they_arrive_with_their_run(
    server: RecorderServer,
    make_settings: Callable[..., LangSmithSettings],
    folder: Path,
    away: bool,  # noqa: FBT001
) -> None:
    settings = make_settings(mode="recorder")
    spooling = settings.model_copy(update={"recorder_url": "http://127.0.0.1:9"}) if away else settings
    sender = SpoolingSender(spooling)
    tracer = CaseTracer(experiment=AnExperiment(), sender=sender)
    evaluator = an_evaluator(a_suite(folder, target={"kind": "python", "path": f"{__name__}:answer"}))
    asyncio.run(replace(evaluator, tracer=tracer).evaluate(Attempt(case=a_case("one", input="hello"), number=1)))
    counts = sender.close(10)
    if away:
        assert counts.runs_spooled
        assert not _attachments(server)
        assert not sum(report.kept for report in flush_spool(settings))

    assert _attachments(server)["picture"] == ("image/png", PICTURE)
    kind, note = _attachments(server)["note"]
    assert kind == "text/plain"
    assert note.startswith(b"the key is [redacted")


def test_a_file_is_read_only_where_its_run_allows_it_and_a_name_is_one_that_servers_take(tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text("content")
    client = CollectingClient()
    root = RunTree(name="root", ls_client=client, replicas=[])
    for allowed in (True, False):
        with client.collecting(root):
            child = root.create_child("child", attachments={"a.file": ("text/plain", file), "b": ("text/x", b"1")})
            child.dangerously_allow_filesystem = allowed
            child.end()
            child.post()
            child.patch()
        (collected,) = client.take(root)
        assert set(collected.attachments) == ({"a_file", "b"} if allowed else {"b"})
