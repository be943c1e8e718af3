"""The file of answers: what goes in comes out, in other processes too, and it does not grow for ever."""

import subprocess
import sys
from pathlib import Path

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration
from pydantic import BaseModel

from eval_pipeline.evaluation.throughput.cache import AnswerFile, CallCache


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
    (found,) = cache.lookup("prompt", "llm") or ()
    assert isinstance(found, ChatGeneration)
    assert isinstance(found.message, AIMessage)
    assert found.message.tool_calls[0]["args"] == {"q": "ä"}
    assert found.message.usage_metadata == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert found.message.additional_kwargs == {"parsed": {"good": True}}
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
        "from eval_pipeline.evaluation.throughput.cache import AnswerFile\n"
        "file = AnswerFile(pathlib.Path(sys.argv[1]), max_bytes=10**9)\n"
        "for n in range(200): file.put(f'{sys.argv[2]}-{n}', 'x'); assert file.get(f'{sys.argv[2]}-{n}') == 'x'\n"
    )
    path = tmp_path / "a.sqlite"
    running = [subprocess.Popen([sys.executable, "-c", code, path, name]) for name in ("a", "b", "c")]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    file = AnswerFile(path, max_bytes=10**9)
    assert file.size_bytes == 600
    file.close()
