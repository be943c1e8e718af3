"""A suite whose cases block, fail, exit and stream, and a server of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eval_pipeline.api.catalog import Catalog
from eval_pipeline.api.server import serve_in_thread
from eval_pipeline_tests.building import write_suite

HOSTILE = '<img src=x onerror="document.title=`owned`"><script>document.title="owned"</script>'

CODE = """
import asyncio, sys, time
from pathlib import Path
from eval_pipeline.errors import TransientError
async def exits(): sys.exit(7)
async def answer(message, case, runtime):
    if message.startswith("wait"):
        mark = Path(__file__).parent / case["id"]
        mark.write_text("began")
        try: await asyncio.sleep(60)
        except asyncio.CancelledError:
            mark.write_text("cancelled")
            raise
    if message == "block":
        folder = Path(__file__).parent
        (folder / "blocks").write_text("began")
        while not (folder / "go-on").exists(): time.sleep(0.01)
    if message == "exit": await asyncio.create_task(exits())
    if message == "break": raise RuntimeError("no luck")
    if message == "unreachable": raise TransientError("the store is unreachable", fix="wait")
    for piece in ("You said ", message, f" to {runtime['model']}" if runtime["model"] else ""):
        yield piece
        await asyncio.sleep(0.01)
    yield {"type": "tool_call", "name": "look", "args": {"at": message}, "id": "1"}
    yield {"type": "tool_result", "name": "look", "content": "<b>bold</b>", "id": "1"}
"""


def a_case(case_id: str, message: str) -> dict[str, object]:
    return {"id": case_id, "input": message, "assertions": [{"type": "contains", "value": "You said"}]}


CASES = [
    a_case("hello", "hello"),
    a_case("hostile", HOSTILE),
    a_case("breaks", "break"),
    a_case("blocks", "block"),
    a_case("exits", "exit"),
    a_case("unreachable", "unreachable"),
    *[a_case(f"waits-{n}", "wait") for n in range(3)],
]


@pytest.fixture
def suite(folder: Path) -> Path:
    (folder / "own.py").write_text(CODE)
    return write_suite(folder, cases=CASES, target={"kind": "python", "path": "own.py:answer"}, description=HOSTILE)


@pytest.fixture
def url(suite: Path) -> Iterator[str]:
    with serve_in_thread(Catalog([suite]), heartbeat_s=0.2) as running:
        yield running
