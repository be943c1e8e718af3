"""Attachments: files beside the suite, behind URLs, and of LangSmith examples reach targets as they are."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from langsmith import Client

from eval_pipeline.errors import InputError
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline_tests.building import a_suite, evaluated

IMAGE = bytes(range(256)) * 5_000
CODE = """
import hashlib

def sums(attachments, **_):
    return {name: [digest(file["reader"].read()), file["mime_type"]] for name, file in attachments.items()}

def digest(data):
    return hashlib.sha256(data).hexdigest()

def same(outputs, attachments):
    first = attachments["photo"]["reader"].read(4)
    return {"key": "same", "score": first == bytes(range(4)) and sums(attachments)["photo"] != outputs["photo"]}
"""
PYTHON = {"kind": "python", "path": "own.py:sums"}
EXPECTED = [hashlib.sha256(IMAGE).hexdigest(), "image/png"]


@pytest.fixture
def suite_folder(folder: Path) -> Path:
    (folder / "own.py").write_text(CODE)
    (folder / "photo.png").write_bytes(IMAGE)
    return folder


def cases_of(folder: Path, *cases: dict[str, Any]) -> tuple[Case, ...]:
    (folder / "cases.yaml").write_text(yaml.safe_dump(list(cases)))
    return load_dataset(a_suite(folder)).cases


@pytest.fixture
def url() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(IMAGE)))
            self.end_headers()
            self.wfile.write(IMAGE)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            del format, args

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/photo.png"
        server.shutdown()


async def test_a_file_and_a_url_reach_target_and_evaluator(suite_folder: Path, url: str) -> None:
    attachments = {"photo": "photo.png", "again": url, "bare": {"file": "photo.png", "mime_type": "x/y"}}
    (case,) = cases_of(suite_folder, {"id": "a", "input": "what?", "attachments": attachments})
    suite = a_suite(suite_folder, target=PYTHON, assertions=[{"type": "evaluator", "path": "own.py:same"}])
    result = await evaluated(suite, case)
    assert result.turns[0].outputs == {"photo": EXPECTED, "again": EXPECTED, "bare": [EXPECTED[0], "x/y"]}
    assert [each.score for each in result.assertions] == [1.0]


async def test_a_file_that_changed_since_is_an_error_of_the_attempt(suite_folder: Path) -> None:
    (case,) = cases_of(suite_folder, {"id": "a", "input": "what?", "attachments": {"photo": "photo.png"}})
    (suite_folder / "photo.png").write_bytes(b"other")
    result = await evaluated(a_suite(suite_folder, target=PYTHON), case)
    assert result.error is not None
    assert "has changed since the dataset was stored" in result.error.message
    (changed,) = load_dataset(a_suite(suite_folder)).cases
    assert changed.content_hash() != case.content_hash()


def test_a_file_that_is_not_there_is_named(suite_folder: Path) -> None:
    with pytest.raises(InputError, match=r"cases.yaml:1 · case a · attachments.photo.file: .*no.png cannot be read"):
        cases_of(suite_folder, {"id": "a", "input": "what?", "attachments": {"photo": "no.png"}})


async def test_files_of_a_langsmith_example_are_fetched_when_they_are_read(
    suite_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RecorderServer() as server:
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", server.url)
        client = Client(api_url=server.url, api_key="x")
        dataset = client.create_dataset("photos")
        example = {"inputs": {"question": "what?"}, "attachments": {"photo": ("image/png", IMAGE)}}
        client.create_examples(dataset_id=dataset.id, examples=[example])
        suite = a_suite(suite_folder, cases={"langsmith_dataset": "photos"}, target=PYTHON)
        (case,) = load_dataset(suite).cases
        again = Case.model_validate_json(case.canonical_json())
        result = await evaluated(suite, again)
    assert result.error is None, result.error
    assert result.turns[0].outputs == {"photo": EXPECTED}
