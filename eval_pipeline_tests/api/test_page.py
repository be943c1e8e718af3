"""The page in a real browser: it lists and evaluates cases, shows them live, and runs no code that is in their text."""

from pathlib import Path

from eval_pipeline_tests.axe import violations
from eval_pipeline_tests.browser import a_page, needs_chromium

CLICK = "[...document.querySelectorAll('#cases button')].find(b => b.textContent === '{}').click()"


@needs_chromium
def test_a_case_is_shown_live_and_its_text_is_never_code(url: str, suite: Path, tmp_path: Path) -> None:
    with a_page() as page:
        page.open(url)
        page.wait_for("document.querySelectorAll('#cases button').length === 9")

        page.evaluate(CLICK.format("hostile"))
        page.wait_for("document.body.dataset.status === 'passed'")
        shown = page.evaluate("document.getElementById('events').innerText")
        assert "<script>" in shown
        assert "→ look" in shown
        assert "✓ contains" in shown
        assert page.evaluate("document.querySelectorAll('#events img, #events script, #events b').length") == 0
        assert page.evaluate("document.title") == "eval_pipeline"
        page.screenshot(tmp_path / "case.png")
        arguments, result = page.evaluate("[...document.querySelectorAll('.call .sides > div')].map(e => e.innerText)")
        assert "<script>" in arguments
        assert "<b>bold</b>" in result
        assert page.evaluate("location.hash") == "#suite=sample&case=hostile"

        page.evaluate(CLICK.format("waits-0"))
        page.wait_for("document.querySelectorAll('.message.user').length === 1")
        assert page.evaluate("document.body.dataset.status") == "running"
        page.evaluate("document.getElementById('stop').click()")
        page.wait_for("document.getElementById('status').textContent === 'stopped'")

        page.evaluate(CLICK.format("breaks"))
        page.wait_for("document.body.dataset.status === 'error'")
        assert "no luck" in page.evaluate("document.getElementById('events').innerText")
        assert page.console == []
    assert (tmp_path / "case.png").stat().st_size > 10_000
    assert (suite / "waits-0").read_text() == "cancelled"


@needs_chromium
def test_the_page_has_no_fault_of_accessibility(url: str) -> None:
    with a_page() as page:
        page.open(f"{url}#suite=sample&case=hello", width=390, dark=True)
        page.wait_for("document.activeElement.textContent === 'hello'")
        page.evaluate("(document.activeElement.click(), 0)")
        page.wait_for("document.body.dataset.status === 'passed'")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@needs_chromium
def test_all_cases_fill_a_table_as_they_complete(url: str, suite: Path) -> None:
    cases = (suite / "cases.yaml").read_text().split("- id: blocks")[0]
    (suite / "cases.yaml").write_text(cases)
    with a_page() as page:
        page.open(url)
        page.wait_for("document.querySelectorAll('#cases button').length === 3")
        page.evaluate("document.getElementById('run-all').click()")
        page.wait_for("document.getElementById('status').textContent === '2 of 3 passed'")
        rows = page.evaluate(
            "[...document.querySelectorAll('#results tr')].slice(1).map(row => row.cells[2].textContent)"
        )
        assert sorted(rows) == ["error", "passed", "passed"]
        assert page.console == []
