"""The file of answers: what goes in comes out, in other processes too, and it does not grow without limit."""

import subprocess
import sys
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration
from pydantic import BaseModel

from eval_pipeline.models.cache import AnswerFile, CallCache
from eval_pipeline.models.calls.governor import CalledModel
from eval_pipeline.models.limits.throughput import Throughput
from eval_pipeline.suite.spec.evaluation import Evaluation
from eval_pipeline_tests.small_disk import small_disk


class Parsed(BaseModel):
    """What was read from an answer."""

    good: bool


def an_answer(text: str = "hi") -> list[ChatGeneration]:
    message = AIMessage(
        text,
        tool_calls=[{"name": "find", "args": {"q": "ä"}, "id": "1"}],
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        additional_kwargs={"parsed": Parsed(good=True)},
    )
    return [ChatGeneration(message=message, generation_info={"finish_reason": "stop"})]


def test_an_answer_comes_back_whole_and_only_to_the_same_question(tmp_path: Path) -> None:
    file = AnswerFile(tmp_path / "a.sqlite", max_bytes=10_000)
    cache = CallCache(file, salt=("m", 1))
    cache.update("prompt", "llm", an_answer())
    (generation,) = cache.lookup("prompt", "llm") or ()
    assert isinstance(generation, ChatGeneration)
    assert isinstance(generation.message, AIMessage)
    assert generation.message.tool_calls[0]["args"] == {"q": "ä"}
    assert generation.message.usage_metadata == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert generation.message.additional_kwargs == {"parsed": {"good": True}}
    assert cache.lookup("prompt", "other") is None
    assert cache.lookup("other", "llm") is None
    assert CallCache(file, salt=("m", 2)).lookup("prompt", "llm") is None
    file.close()
    assert (tmp_path / "a.sqlite").stat().st_mode & 0o077 == 0


def test_it_forgets_what_was_used_longest_ago(tmp_path: Path) -> None:
    file = AnswerFile(tmp_path / "a.sqlite", max_bytes=10_000)
    for number in range(300):
        file.put(f"k{number:03d}", "x" * 100)
    assert file.size_bytes <= 10_000 + 64 * 100
    assert file.get("k000") is None
    assert file.get("k299") == "x" * 100
    file.close()


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from eval_pipeline.models.cache import AnswerFile\n"
        "file = AnswerFile(pathlib.Path(sys.argv[1]), max_bytes=10**9)\n"
        "for n in range(200): file.put(f'{sys.argv[2]}-{n}', 'x'); assert file.get(f'{sys.argv[2]}-{n}') == 'x'\n"
    )
    path = tmp_path / "a.sqlite"
    running = [subprocess.Popen([sys.executable, "-c", code, path, name]) for name in ("a", "b", "c")]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    file = AnswerFile(path, max_bytes=10**9)
    assert file.size_bytes == 600
    file.close()


def test_answers_on_a_disk_that_fills_up_or_is_read_only_are_found_and_new_ones_are_not_kept(tmp_path: Path) -> None:
    with small_disk(tmp_path / "cache") as disk:
        file = AnswerFile(disk.folder / "a.sqlite", max_bytes=10**9)
        cache = CallCache(file, salt=())
        cache.update("first", "llm", an_answer())
        disk.fill()
        cache.update("second", "llm", an_answer("x" * 100_000))
        assert cache.lookup("first", "llm") is not None
        assert cache.lookup("second", "llm") is None
        disk.empty()
        cache.update("second", "llm", an_answer())
        assert cache.lookup("second", "llm") is not None
        file.close()


@pytest.mark.parametrize("disk_is", ["full", "read-only"])
def test_a_run_whose_cache_cannot_be_opened_asks_its_models(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, disk_is: str
) -> None:
    with small_disk(tmp_path / "cache") as disk:
        if disk_is == "full":
            disk.fill()
        else:
            disk.write_protect()
        kept = str(disk.folder / "a.sqlite")
        throughput = Throughput(Evaluation(cache=kept), folder=tmp_path, max_concurrency=1)
        model = CalledModel(name="m", version="v", endpoint="e")
        assert throughput.cache(model) is None
        throughput.close()
    assert "this run makes every model call" in caplog.text
