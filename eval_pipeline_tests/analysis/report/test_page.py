"""The report: what a reader sees, in a real browser."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from eval_pipeline.analysis import explanations
from eval_pipeline.analysis.report.page import draw, render_report
from eval_pipeline.analysis.report.templating import seconds
from eval_pipeline.results.case_result import ReusedFrom, TurnResult
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.rows import a_result, an_assertion
from eval_pipeline_tests.analysis.stored import concluded, keep_experiment, results_of
from eval_pipeline_tests.axe import violations
from eval_pipeline_tests.browser import Page, a_page, needs_chromium

GATES = {"gates": {"min_pass_rate": 0.9, "max_regression": "any"}}
CALL = {"type": "tool_call", "name": "get_order", "args": {"id": "<i>1</i>"}, "id": "1"}
RESULT = {"type": "tool_result", "name": "get_order", "content": '{"total": 5}', "id": "1"}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def rendered(store: LocalStore, record: ExperimentRecord, experiment_url: str | None = None) -> str:
    verdict = concluded(store, record, **GATES)
    return render_report(store, record, verdict, pictures=draw(store, record, verdict), experiment_url=experiment_url)


def a_report(store: LocalStore, failing: int = 3) -> str:
    """A baseline in which all passed, and an experiment in which some no longer do."""
    names = [f"case-{n:04d}" for n in range(failing + 2)]
    concluded(store, keep_experiment(store, "then", results_of(dict.fromkeys(names, "p"))), **GATES)
    turn = TurnResult(
        index=0, input="<i>hi</i>", response="<img src=x onerror=alert(1)>", events=(CALL, RESULT), latency_s=0.5
    )
    bad = [
        a_result(name, status="failed", turns=(turn,), assertions=(an_assertion("tone", passed=False),))
        for name in names[:failing]
    ]
    record = keep_experiment(store, "now", [*bad, *results_of(dict.fromkeys(names[failing:], "p"))], day=2)
    return rendered(store, record, "http://127.0.0.1:1984/experiments/now")


def test_the_page_shows_the_verdict_and_why(store: LocalStore) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", a_report(store)))
    assert "Failed 40.0%" in text
    assert "2 of 5 attempts at 5 cases passed" in text
    assert "pass rate 40.0% (95 % interval" in text
    assert "0 cases improved, 3 regressed, 2 unchanged" in text
    assert "failed min_pass_rate" in text


def test_numbers_are_explained_where_they_stand(store: LocalStore) -> None:
    text = html.unescape(a_report(store))
    for sentence in ("interval", "difference", "adjusted", "gates", "scores", "slices"):
        assert explanations.ALL[sentence] in text


def test_the_page_makes_no_network_requests_and_runs_only_its_own_script(store: LocalStore) -> None:
    page = html.unescape(a_report(store))
    assert re.findall(r"<link|<img|<iframe|<script[^>]*\bsrc|@import|url\(", page) == []
    assert "default-src 'none'" in page
    assert re.search(r"script-src 'sha256-[\w+/=]+'", page)


def test_the_report_of_nothing_is_a_page(store: LocalStore) -> None:
    page = rendered(store, keep_experiment(store, "empty", []))
    assert "No attempt was made" in page
    assert "No attempt was decided" in page
    assert "passed." not in page


def test_reused_results_are_shown_and_are_in_no_picture_of_costs(store: LocalStore) -> None:
    origin = ReusedFrom(experiment="before", run_id=None, trace_url=None)
    results = [a_result("a", cost_usd=0.5, reused_from=origin), a_result("b", cost_usd=0.25)]
    record = keep_experiment(store, "now", results)
    assert "1 result was reused from earlier experiments" in rendered(store, record)
    alone = keep_experiment(store, "alone", results[1:], day=2)
    both, other = (draw(store, each, concluded(store, each)).cost for each in (record, alone))
    assert both is not None
    assert both == other


def test_a_context_that_is_gone_costs_no_report(store: LocalStore) -> None:
    record = keep_experiment(store, "e", results_of({"a": "f"}), context_id="gone")
    assert "case" in rendered(store, record)


@pytest.mark.parametrize(("value", "shown"), [(2e-6, "<1 ms"), (0.25, "250 ms"), (3.14159, "3.14 s"), (149.6, "150 s")])
def test_seconds_are_shown_as_people_say_them(value: float, shown: str) -> None:
    assert seconds(value) == shown


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with a_page() as page:
        yield page


@needs_chromium
def test_a_transcript_is_unpacked_when_it_is_chosen_and_is_never_code(
    store: LocalStore, tmp_path: Path, tab: Page
) -> None:
    file = tmp_path / "report.html"
    file.write_text(a_report(store))
    tab.console.clear()
    tab.open(f"{file.as_uri()}#case=case-0001")
    tab.wait_for("document.querySelector('#detail h3')?.textContent === 'case-0001'")
    texts = "[...document.querySelectorAll('.message .text, .message .md')].map(part => part.innerText)"
    messages = tab.evaluate(texts)
    assert messages == ["<i>hi</i>", "<img src=x onerror=alert(1)>"]
    call = tab.evaluate("document.querySelector('.call').innerText").split()
    assert call == ["→", "get_order", "Arguments", "id", "<i>1</i>", "Result", "total", "5"]
    assert tab.evaluate("document.querySelectorAll('#detail img, #detail i').length") == 0
    assert tab.console == []


@needs_chromium
def test_thousands_are_in_the_list_and_only_those_in_sight_in_the_document(
    store: LocalStore, tmp_path: Path, tab: Page
) -> None:
    file = tmp_path / "report.html"
    file.write_text(a_report(store, failing=3_000))
    tab.open(file.as_uri())
    tab.wait_for("document.getElementById('shown').textContent === '3000 of 3000'")
    assert tab.evaluate("document.querySelectorAll('.entry').length") < 60
    tab.evaluate("(list.scrollTop = 1e9, 0)")
    tab.wait_for("document.getElementById('all').lastChild.textContent.includes('case-2999')")
    tab.evaluate("(f = document.getElementById('find'), f.value = '0123', f.dispatchEvent(new Event('input')), 0)")
    assert tab.evaluate("document.getElementById('shown').textContent") == "1 of 3000"
    tab.evaluate("(document.querySelector('.entry').click(), 0)")
    tab.wait_for("document.querySelector('#detail h3')?.textContent === 'case-0123'")


@needs_chromium
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone_in_the_light_and_in_the_dark(
    store: LocalStore, tmp_path: Path, tab: Page, *, dark: bool
) -> None:
    file = tmp_path / "report.html"
    file.write_text(a_report(store))
    tab.open(file.as_uri(), width=390, height=844, dark=dark)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    lightness = tab.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
    assert (lightness < 60) == dark


@needs_chromium
@pytest.mark.parametrize("dark", [False, True])
def test_it_has_no_fault_of_accessibility(store: LocalStore, tmp_path: Path, tab: Page, *, dark: bool) -> None:
    file = tmp_path / "report.html"
    file.write_text(a_report(store))
    tab.open(f"{file.as_uri()}#case=case-0001", width=390 if dark else 1440, dark=dark)
    tab.wait_for("document.querySelector('#detail h3')?.textContent === 'case-0001'")
    assert violations(tab) == []


@needs_chromium
def test_paper_names_what_did_not_pass(store: LocalStore, tmp_path: Path, tab: Page) -> None:
    file = tmp_path / "report.html"
    file.write_text(a_report(store))
    tab.open(file.as_uri())
    tab.send("Emulation.setEmulatedMedia", media="print")
    seen = tab.evaluate("[...document.querySelectorAll('.paper, #browser')].map(part => part.offsetHeight > 0)")
    tab.send("Emulation.setEmulatedMedia", media="")
    assert seen == [False, True]
