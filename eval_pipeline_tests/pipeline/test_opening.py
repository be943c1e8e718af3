"""`check` opens what a run opens: what would end a run is a problem at its field, and nothing is called."""

from pathlib import Path

import pytest

from eval_pipeline.pipeline.opening import OpenedSuite, open_suite
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.import_path import nothing_imported

AGENT = """
CALLED = []


def answer(message):
    CALLED.append(message)
    raise AssertionError("the target is called")


def build(**options):
    if options.get("broken"):
        raise RuntimeError("no database")
    return answer


def asks(message, weather):
    return ""


def judge(response, wether):
    return True


def evaluator(outputs, reference_outputs, wether):
    return 1


def polite(response, threshold=0):
    return True


def scored(outputs, reference_outputs=None):
    return 1


def old_form(run, example):
    return 1


def make_evaluator(kind):
    raise ValueError(f"no evaluator of kind {kind}")


text = "no callable"
"""
TARGET = 'target: {kind: python, path: "agent.py:answer"}\n'
BASE = "name: shop\ncases: cases.yaml\n"
OFFLINE = "eval_pipeline.suites.support_desk.offline_model:OfflineChatModel"
ASSERTIONS = "assertions: [{type: contains, value: x}]\n"


def opened(folder: Path, text: str, cases: str = "- {id: a, input: x}\n") -> OpenedSuite:
    folder.mkdir(exist_ok=True)
    (folder / "suite.yaml").write_text(text)
    (folder / "cases.yaml").write_text(cases)
    (folder / "agent.py").write_text(AGENT)
    (folder / "prices.csv").write_text("product,price\ntea,4.20\n")
    suite, loaded, problems = check_suite(folder)
    assert suite is not None
    assert problems == []
    return open_suite(suite, loaded, LangSmithSettings(mode="off"))


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        (
            'target: {kind: python, path: "agent.py:build", factory: true, options: {broken: true}}\n',
            "target",
            "RuntimeError: no database",
        ),
        ('target: {kind: python, path: "agent.py:asks"}\n', "target", "asks asks for weather, which it cannot have"),
        ("target: {kind: chat, model: 'openai:gpt-4o'}\n", "target", "api_key"),
        ("target: {kind: chat, model: 'opnai:gpt-4o'}\n", "target", "provider"),
        (TARGET + "variants: [{name: v, model: 'openai:gpt-4o'}]\n", "variants[0]", "api_key"),
        (TARGET + "judge: {model: 'openai:gpt-4o'}\n", "judge.model", "api_key"),
        (TARGET + "simulated_user: {model: 'openai:gpt-4o'}\n", "simulated_user.model", "api_key"),
        (TARGET + "context: {tables: {prices: {file: prices.csv, key: prodct}}}\n", None, "column prodct is missing"),
        (
            TARGET + "context: {tables: {prices: {file: prices.csv}, t: {sql: SELECT prise FROM prices}}}\n",
            "context.tables.t",
            "the query fails",
        ),
        (
            TARGET + "context: {documents: {source: {file: prices.csv}, text: price}}\n",
            "context.documents.id",
            "the table has no column 'id'",
        ),
        (TARGET + "evaluation: {prices: prices.csv}\n", None, "no column model, input, output"),
        (TARGET + "judge: {model: 'agent.py:answer', corrections: {file: prices.csv}}\n", None, "not JSON"),
    ],
)
def test_what_would_end_a_run_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, field: str | None, message: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if "variants" in text:
        text = text.replace(TARGET, f"target: {{kind: chat, model: '{OFFLINE}'}}\n")
    problems = opened(tmp_path / "shop", BASE + text + ASSERTIONS).problems
    assert any(
        message in problem.message and (field is None or (problem.field or "").startswith(field))
        for problem in problems
    ), problems


@pytest.mark.parametrize(
    ("assertion", "message"),
    [
        ('{type: python, path: "agent.py:judge"}', "judge asks for wether, which it cannot have here"),
        ('{type: python, path: "agent.py:polite", args: {treshold: 1}}', "`treshold` has no effect"),
        ('{type: evaluator, path: "agent.py:scored", give: {outptus: outputs.response}}', "`outptus` has no effect"),
        ('{type: evaluator, path: "agent.py:evaluator"}', "evaluator asks for wether, which it cannot have here"),
        (
            '{type: evaluator, path: "agent.py:make_evaluator", factory: true, args: {kind: x}}',
            "ValueError: no evaluator of kind x",
        ),
        ("{type: llm_rubric, value: polite, model: 'openai:gpt-4o'}", "api_key"),
    ],
)
def test_an_assertion_that_could_not_be_called_is_a_problem_once_at_its_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assertion: str, message: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (problem,) = opened(tmp_path / "shop", f"{BASE}{TARGET}assertions: [{assertion}]\n").problems
    assert message in problem.message
    assert problem.field is not None
    assert problem.field.startswith("assertions[0]")
    cases = "".join(f"- {{id: {name}, input: x, assertions: [{assertion}]}}\n" for name in "abc")
    (problem,) = opened(tmp_path / "shop", f"{BASE}{TARGET}", cases).problems
    assert problem.case == "a"


def test_a_sound_suite_has_no_problems_and_says_what_was_not_tried(tmp_path: Path) -> None:
    text = BASE + TARGET + "context: {tables: {prices: {file: prices.csv, key: product}, "
    text += "rows: {python: 'agent.py:build'}, both: {sql: SELECT * FROM rows}}}\n"
    text += 'assertions: [{type: evaluator, path: "agent.py:old_form", threshold: 1}, {type: contains, value: x}]\n'
    result = opened(tmp_path / "shop", text)
    assert result.problems == []
    assert result.not_tried == [
        "calling the target (python)",
        "calling agent.py:build of context.tables.rows",
        "the query of context.tables.both",
    ]


def test_statically_nothing_is_imported_and_files_are_still_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "agent.py").write_text("raise AssertionError('imported')\n\n\ndef answer(message):\n    return message\n")
    (folder / "cases.yaml").write_text(
        '- {id: a, input: x, assertions: [{type: python, path: "agent.py:ansver"}, {type: contains, value: x}]}\n'
        '- {id: b, input: x, assertions: [{type: evaluator, path: "gone.py:x"}]}\n'
    )
    (folder / "suite.yaml").write_text(BASE + TARGET)
    with nothing_imported():
        _, _, problems = check_suite(folder)
    assert [(problem.case, problem.fix) for problem in problems][:1] == [("a", "did you mean 'answer'?")]
    assert problems[1].case == "b"
    assert "there is no file" in problems[1].message
    assert len(problems) == 2
