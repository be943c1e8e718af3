"""No control character of an agent or a suite reaches the terminal."""

import re
from pathlib import Path

import pytest

from eval_pipeline_tests.building import write_suite
from eval_pipeline_tests.cli.terminal import Terminal

HOSTILE = (
    "\x1b]8;;http://evil.example/\x07OSC8\x1b]8;;\x07 \x1b]52;c;ZXZpbA==\x07 \x1b[31mRED\x1b[0m \x1b]0;TITLE\x07 "
    "\x1b[2J\x1b[H \x9b31mC1 \u202e rtl \u2066 \x00 nul \x08\x7f \r over [bold red]rich[/bold red] \u200f"
)
CODE = f"""
import logging, sys
H = {HOSTILE!r}
class Evil(Exception): pass
Evil.__name__ = "Evil\\x1b]0;T\\x07"
def answer(message):
    print(H)
    print(H, file=sys.stderr)
    logging.getLogger("agent").warning("%s", H)
    if "exc" in message: raise Evil(H)
    return {{"response": H, "events": [
        {{"type": "tool_call", "name": "t\\x1b[31m", "args": {{H: H}}, "id": "1"}},
        {{"type": "tool_result", "name": "x", "content": H, "id": "1"}},
        {{"type": "handoff", "from": H, "to": H}},
    ]}}
def check(response): return {{"passed": False, "message": H, "label": H[:50], "score": 0.0}}
"""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200f\u202a-\u202e\u2066-\u2069]")
_OWN_STYLES = re.compile(r"\x1b\[(?:0|1|31|2)m")


@pytest.fixture
def hostile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Otherwise click would strip what a terminal shows.
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda *_args, **_options: False)
    (folder / "own.py").write_text(CODE)
    asserted = [
        {"type": "contains", "value": f"zzz{HOSTILE}", "name": f"name {HOSTILE}"},
        {"type": "python", "path": "own.py:check", "name": "=\x1b]0;n\x07"},
    ]
    cases = [
        {"id": name, "input": f"{name} {HOSTILE}", "split": f"s{HOSTILE}", "tags": [HOSTILE], "assertions": asserted}
        for name in ("a", "exc")
    ]
    return write_suite(folder, cases=cases, target={"kind": "python", "path": "own.py:answer"})


def _controls(text: str) -> list[str]:
    return _CONTROL.findall(_OWN_STYLES.sub("", text.replace("\x1b[31mRED\x1b[0m", "\x1bagent")))


@pytest.mark.parametrize("case", ["a", "exc"])
def test_watching_a_case(terminal: Terminal, hostile: Path, case: str) -> None:
    seen = terminal("watch", hostile, case)

    assert "OSC8" in seen.stdout
    assert _controls(seen.stdout + seen.stderr) == []


def test_runs_and_comparisons(terminal: Terminal, hostile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_SUITES", str(hostile.parent))
    seen = [terminal("check", hostile), terminal("list"), terminal("run", hostile), terminal("run", hostile)]
    names = re.findall(r"experiment  (\S+)", "".join(each.stdout for each in seen))
    seen += [
        terminal("compare", *names),
        terminal("run", hostile, "--json"),
        terminal("run", hostile.parent / "\x1b[2J"),
    ]

    assert len(names) == 2
    assert [_controls(each.stdout + each.stderr) for each in seen] == [[]] * len(seen)
