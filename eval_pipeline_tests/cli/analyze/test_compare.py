"""`eval-pipeline compare` and `baseline`: experiments held against each other, and by a judge."""

from pathlib import Path

import pytest
from langsmith import Client

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.rows import a_result
from eval_pipeline_tests.analysis.stored import keep_experiment, results_of
from eval_pipeline_tests.browser import a_page, needs_chromium
from eval_pipeline_tests.cli.terminal import Terminal

JUDGE = """\
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel


class Longer(GenericFakeChatModel):
    '''Prefers the longer answer, whatever the order.'''

    def __init__(self, **_):
        super().__init__(messages=iter(()))

    def with_structured_output(self, form, **_):
        from langchain_core.runnables import RunnableLambda

        def decide(messages):
            text = str(messages[-1][1] if isinstance(messages[-1], tuple) else messages[-1].content)
            a = len(text.split('<answer_a>')[1].split('</answer_a>')[0])
            b = len(text.split('<answer_b>')[1].split('</answer_b>')[0])
            return form(reasoning='length', better='A' if a > b else 'B' if b > a else 'tie')

        return RunnableLambda(decide)
"""


@pytest.fixture
def three(store: Path) -> LocalStore:
    """Experiments of the suite `shop`: the second as good, the third worse in two of twelve cases."""
    opened = LocalStore(store)
    names = [f"c{n:02d}" for n in range(12)]
    for day, failing in enumerate((0, 0, 2), 1):
        letters = {name: "f" if n < failing else "p" for n, name in enumerate(names)}
        keep_experiment(opened, f"shop-{day}", results_of(letters, suite="shop"), suite="shop", day=day)
    return opened


@pytest.mark.usefixtures("three")
def test_experiments_are_held_against_the_first(terminal: Terminal) -> None:
    finished = terminal("compare", "shop-1", "shop-2", "shop-3")

    assert finished.code == 0
    assert "shop-3: 12 cases compared, 0 improved, 2 regressed, 10 unchanged" in finished.stdout
    assert "regressed: c00, c01" in finished.stdout
    assert "100.0% (+0.0%)" in finished.stdout
    assert "83.3% (-16.7%)" in finished.stdout


@pytest.mark.usefixtures("three")
def test_json_is_one_document_with_every_difference(terminal: Terminal) -> None:
    document = terminal("compare", "shop-1", "shop-3", "--json").document

    (comparison,) = document["comparisons"]
    assert (document["baseline"], comparison["experiment"], comparison["cases"]) == ("shop-1", "shop-3", 12)
    assert comparison["pass_rate"]["p_value"] == pytest.approx(0.5)
    assert [change["case_id"] for change in comparison["regressed"]] == ["c00", "c01"]


@needs_chromium
@pytest.mark.usefixtures("three")
def test_the_page_is_self_contained_and_fits_a_phone(terminal: Terminal, tmp_path: Path) -> None:
    page = tmp_path / "compare.html"

    assert terminal("compare", "shop-1", "shop-2", "shop-3", "--html", page).code == 0

    assert "<script" not in page.read_text()
    with a_page() as tab:
        tab.open(page.as_uri(), width=390, height=844)
        assert "shop-3 regressed" not in tab.evaluate("document.body.innerText")
        assert "2 regressed, 10 unchanged" in tab.evaluate("document.body.innerText")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390


def test_names_that_cannot_be_compared_are_reported(terminal: Terminal, three: LocalStore) -> None:
    keep_experiment(three, "sample-1", [a_result()], suite="sample")

    for names, message in (
        (["shop-1"], "two different experiments are required"),
        (["shop-1", "shop-1"], "two different experiments are required"),
        (["shop-1", "shop-9"], "there is no experiment 'shop-9'"),
        (["shop-1", "sample-1"], "of different suites: shop, sample"),
    ):
        finished = terminal("compare", *names)
        assert finished.code == 2
        assert message in finished.stderr


def test_a_judge_says_which_answers_it_prefers_in_both_orders(
    terminal: Terminal, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (suite / "judge.py").write_text(JUDGE)
    text = (suite / "suite.yaml").read_text()
    (suite / "suite.yaml").write_text(
        text.replace("gates:", 'judge: {model: "judge.py:Longer"}\nbaseline: last_passed\ngates:')
    )
    first = terminal("run", suite, "--json").document["experiment"]
    (suite / "chatty.py").write_text((suite / "agent.py").read_text().replace('.2f}"', '.2f}. Anything else?"'))
    (suite / "suite.yaml").write_text((suite / "suite.yaml").read_text().replace("agent.py", "chatty.py"))
    second = terminal("run", suite, "--json").document["experiment"]
    monkeypatch.setenv("EVAL_PIPELINE_SUITES", str(suite))

    finished = terminal("compare", first, second, "--prefer", "the friendlier answer", "--json")

    preferences = finished.document["preferences"][second]
    assert preferences["counts"] == {"now": 2, "then": 0, "tie": 1}
    assert preferences["rate"]["mean"] == pytest.approx(2.5 / 3)


def test_a_comparative_experiment_is_written_where_traces_are(
    terminal: Terminal, suite: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RecorderServer() as server:
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", server.url)
        monkeypatch.setenv("EVAL_PIPELINE_TRACING", "recorder")
        monkeypatch.setenv("EVAL_PIPELINE_SPOOL", str(tmp_path / "spool"))
        monkeypatch.delenv("LANGSMITH_TRACING")
        first, second = (terminal("run", suite, "--json").document["experiment"] for _ in range(2))

        finished = terminal("compare", first, second, "--langsmith", "--json")

        assert finished.code == 0, finished.stderr
        (written,) = finished.document["langsmith"][second]
        client = Client(api_url=server.url, api_key="any")
        session = client.read_project(project_name=second)
        preferences = list(
            client.list_feedback(
                run_ids=[
                    row["run_id"]
                    for row in read_results(LocalStore(store), "shop", second, columns=["run_id"]).to_pylist()
                ],
                feedback_key=["preferred"],
            )
        )
    assert (written["destination"], written["preferences"]) == ("recorder", 3)
    assert str(session.id) in written["url"]
    assert [one.score for one in preferences] == [0.5] * 3


def test_a_baseline_that_is_set_is_what_new_experiments_are_compared_with(terminal: Terminal, suite: Path) -> None:
    first, second = (terminal("run", suite, "--json").document["experiment"] for _ in range(2))
    assert "no baseline is set" in terminal("baseline", "show", "shop").stdout

    assert terminal("baseline", "set", first).code == 0

    assert terminal("baseline", "show", "shop").stdout.startswith(first)
    assert terminal("run", suite, "--json").document["comparison"]["baseline"] == first != second
    assert terminal("baseline", "set", "shop-nope").code == 2
