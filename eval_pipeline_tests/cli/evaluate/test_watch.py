"""`eval-pipeline watch`: a case in the terminal as it happens, for people and for programs."""

import json
from pathlib import Path

import pytest
from rich.text import Text

from eval_pipeline.cli.evaluate.watch import lines_of
from eval_pipeline_tests.building import write_suite
from eval_pipeline_tests.cli.terminal import Terminal, terminal

CODE = """
def answer(message):
    print("noise of the target's own")
    if message == "break": raise RuntimeError("no luck")
    yield {"type": "tool_call", "name": "look", "args": {"at": message}, "id": "1"}
    yield {"type": "tool_result", "name": "look", "content": "[bold]not markup[/bold]", "id": "1"}
    yield {"type": "handoff", "from": "front", "to": "back"}
    yield "You said "
    yield message
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Terminal:
    return terminal(monkeypatch, capfd)


@pytest.fixture
def suite(folder: Path) -> Path:
    (folder / "own.py").write_text(CODE)
    asserted = [{"type": "contains", "value": "hello", "name": "greets"}]
    cases = [{"id": name, "input": text, "assertions": asserted} for name, text in (("a", "hello"), ("b", "bye"))]
    cases.append({"id": "c", "input": "break", "assertions": asserted})
    return write_suite(folder, cases=cases, target={"kind": "python", "path": "own.py:answer"})


def test_a_person_sees_turns_calls_handoffs_and_assertions(run: Terminal, suite: Path) -> None:
    seen = run("watch", suite, "a")
    assert seen.code == 0
    for part in ("user   hello", '→ look {"at": "hello"}', "← [bold]not markup[/bold]", "front hands off to back"):
        assert part in seen.stdout
    assert "agent  You said hello" in seen.stdout
    assert "✓ greets" in seen.stdout
    assert "passed · 1 turns · score 1.00" in seen.stdout


def test_a_person_sees_mappings_by_their_keys_messages_by_their_senders_and_files_by_their_kind() -> None:
    blocks = [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
    ]
    messages = [{"role": "user", "content": blocks}, {"role": "assistant", "content": "[bold]red[/bold]"}]
    event = {"event": "user_input", "turn": 0, "content": "What?", "input": {"topic": "tea", "messages": messages}}
    lines = [Text.from_markup(line).plain.strip() for line in lines_of(event)[2:]]
    assert lines == ["topic: tea", "messages:", "user:", "What?", "[image_url]", "assistant: [bold]red[/bold]"]
    answered = {"event": "agent_response", "turn": 0, "content": "Tea", "outputs": {"title": "Tea", "n": [1]}}
    assert [Text.from_markup(line).plain.strip() for line in lines_of(answered)[1:]] == ["title: Tea", "n: [1]"]


def test_a_program_reads_each_event_as_a_line_of_json_and_nothing_else(run: Terminal, suite: Path) -> None:
    seen = run("watch", suite, "a", "--json", "--model", "m")
    events = [json.loads(line) for line in seen.stdout.splitlines()]
    assert (events[0]["event"], events[-1]["event"]) == ("started", "completed")
    assert [event["type"] for event in events if event["event"] == "turn_event"][-1] == "token"


@pytest.mark.parametrize(("case", "code", "text"), [("b", 1, "✗ greets"), ("c", 3, "no luck")])
def test_the_exit_code_says_how_it_went(run: Terminal, suite: Path, case: str, code: int, text: str) -> None:
    seen = run("watch", suite, case)
    assert (seen.code, text in seen.stdout) == (code, True)


def test_a_case_that_is_not_there_is_bad_input(run: Terminal, suite: Path) -> None:
    seen = run("watch", suite, "z")
    assert (seen.code, "no case 'z'" in seen.stderr) == (2, True)


def test_serving_beyond_loopback_needs_a_token(run: Terminal, suite: Path) -> None:
    seen = run("serve", suite, "--host", "0.0.0.0", "--port", "0")
    assert (seen.code, "--token" in seen.stderr) == (2, True)
    assert "http://" not in seen.stderr
