"""Every way a suite can be broken: a cause in a line, the place, the fix, the exit code; earlier results stay."""

# ruff: noqa: E501 - a table reads best with a row a line

from collections.abc import Callable
from pathlib import Path

import pytest

from eval_pipeline_tests.cli.terminal import Terminal

Break = Callable[[Path], object]


def _replace(name: str, before: str, after: str) -> Break:
    def apply(suite: Path) -> None:
        text = (suite / name).read_text()
        assert before in text
        (suite / name).write_text(text.replace(before, after, 1))

    return apply


def _parquet_cases(suite: Path) -> None:
    (suite / "cases.parquet").write_bytes(b"PAR1 this is no Parquet PAR1")
    _replace("suite.yaml", "cases: cases.yaml", "cases: cases.parquet")(suite)


BROKEN: dict[str, tuple[Break, tuple[str, ...]]] = {
    "unknown field": (_replace("suite.yaml", "gates:", "gaets:"), ("suite.yaml:10", "unknown field 'gaets'", "did you mean 'gates'?")),
    "duplicate id": (_replace("cases.yaml", "id: milk", "id: gold"), ("cases.yaml:6", "case gold", "already taken at", "cases.yaml:1")),
    "bad regex": (
        _replace("cases.yaml", '{type: contains, value: "1.10"}', '{type: regex, value: "("}'),
        ("cases.yaml:10", "case milk", "assertions[0].value", "not a regular expression"),
    ),
    "missing file": (lambda suite: (suite / "prices.csv").unlink(), ("suite.yaml", "context.tables.prices.file", "no file at", "prices.csv")),
    "missing cases": (lambda suite: (suite / "cases.yaml").unlink(), ("suite.yaml", "cases[0].file", "no file at", "cases.yaml")),
    "missing column": (_replace("prices.csv", "product,", "article,"), ("prices.csv", "column product is missing", "article")),
    "empty cases": (lambda suite: (suite / "cases.yaml").write_text("[]\n"), ("the suite has no cases", "add at least one")),
    "key with a comma": (_replace("cases.yaml", "id: tea", 'id: "tea,green"'), ("cases.yaml:11", "'tea,green' cannot be a case id", "letters, digits")),
    "unreadable Parquet": (_parquet_cases, ("cases.parquet", "not readable as Parquet", "write the file again")),
    "import path that leads nowhere": (
        _replace("suite.yaml", "agent.py:answer", "agent.py:respond"),
        ("suite.yaml", "target.path", "no attribute 'respond'"),
    ),
    "not YAML": (_replace("suite.yaml", "gates: {", "gates: {{"), ("suite.yaml:", "not valid YAML")),
    "nothing asserted": (
        _replace("cases.yaml", '  assertions:\n    - {type: contains, value: "999"}\n', ""),
        ("case gold", "nothing is asserted"),
    ),
}  # fmt: skip


@pytest.mark.usefixtures("run_before")
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_suite_says_where_and_how_to_mend_it(terminal: Terminal, suite: Path, store: Path, kind: str) -> None:
    before = _contents(store / "experiments")
    break_it, expected = BROKEN[kind]
    break_it(suite)

    finished = terminal("run", suite)

    assert finished.code == 2
    error = next(line for line in finished.stderr.splitlines() if line.startswith("error:"))
    assert [part for part in (*expected, "Fix: ") if part not in error] == [], error
    assert "Traceback" not in finished.stderr
    assert finished.stdout == ""
    assert before == _contents(store / "experiments")


@pytest.mark.usefixtures("run_before")
def test_a_flipped_byte_in_the_snapshot_is_found_before_anything_is_evaluated(
    terminal: Terminal, suite: Path, store: Path
) -> None:
    before = _contents(store / "experiments")
    part = next((store / "contexts" / "shop").rglob("tables/*.parquet"))
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)

    finished = terminal("run", suite)

    assert finished.code == 3
    error = next(line for line in finished.stderr.splitlines() if line.startswith("error:"))
    assert str(part) in error
    assert "checksum" in error
    assert "Fix: delete" in error
    assert before == _contents(store / "experiments")


@pytest.mark.usefixtures("run_before")
def test_what_the_fix_says_mends_the_flipped_byte(terminal: Terminal, suite: Path, store: Path) -> None:
    folder = next((store / "contexts" / "shop").iterdir())
    for part in folder.rglob("*.parquet"):
        part.write_bytes(b"")
    assert terminal("run", suite).code == 3

    for part in sorted(folder.rglob("*"), reverse=True):
        part.rmdir() if part.is_dir() else part.unlink()

    assert terminal("run", suite).code == 0


def test_cases_on_a_server_that_does_not_answer_are_reported_in_a_line(
    terminal: Terminal, suite: Path, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("LANGSMITH_API_KEY", "key")
    monkeypatch.setenv("LANGSMITH_ENDPOINT", url)
    _replace("suite.yaml", "cases: cases.yaml", "cases: {langsmith_dataset: questions}")(suite)

    for command in ("run", "check"):
        finished = terminal(command, suite)

        assert (finished.code, finished.stdout) == (3, "")
        (line,) = finished.stderr.splitlines()
        assert f"the dataset 'questions' cannot be read from {url}: it cannot be reached. Fix:" in line


def test_check_says_everything_at_once(terminal: Terminal, suite: Path) -> None:
    for kind in ("unknown field", "bad regex", "key with a comma"):
        BROKEN[kind][0](suite)

    finished = terminal("check", suite)

    assert finished.code == 2
    for expected in ("gaets", "regular expression", "tea,green", "3 problems"):
        assert expected in finished.stderr


def test_check_of_a_sound_suite_says_so(terminal: Terminal, suite: Path) -> None:
    finished = terminal("check", suite)

    expected = "shop: 3 cases (2 base, 1 hard), no problems\nnot tried: calling the target (python)\n"
    assert (finished.code, finished.stdout) == (0, expected)


def test_a_suite_that_is_not_there_is_suggested(terminal: Terminal) -> None:
    finished = terminal("run", "suport_desk")

    assert finished.code == 2
    assert "did you mean 'support_desk'?" in finished.stderr


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
