"""The page in a real browser: it lists and evaluates cases, shows them live, and runs no code that is in their text."""

from pathlib import Path

from eval_pipeline_tests.browser import chromium, needs_chromium

CLICK = "[...document.querySelectorAll('#cases button')].find(b => b.textContent === '{}').click()"


@needs_chromium
def test_a_case_is_shown_live_and_its_text_is_never_code(url: str, suite: Path, tmp_path: Path) -> None:
    with chromium(tmp_path) as page:
        page.open(url)
        page.wait_for("document.querySelectorAll('#cases button').length === 9")

        page.run(CLICK.format("hostile"))
        page.wait_for("document.body.dataset.status === 'passed'")
        shown = page.run("document.getElementById('events').innerText")
        assert "<script>" in shown
        assert "→ look" in shown
        assert "✓ contains" in shown
        assert page.run("document.querySelectorAll('#events img, #events script, #events b').length") == 0
        assert page.run("document.title") == "eval_pipeline"
        page.screenshot(tmp_path / "case.png")

        page.run(CLICK.format("waits-0"))
        page.wait_for("document.querySelectorAll('.message.user').length === 1")
        assert page.run("document.body.dataset.status") == "running"
        page.run("document.getElementById('stop').click()")
        page.wait_for("document.getElementById('status').textContent === 'stopped'")

        page.run(CLICK.format("breaks"))
        page.wait_for("document.body.dataset.status === 'error'")
        assert "no luck" in page.run("document.getElementById('events').innerText")
        assert page.problems == []
    assert (tmp_path / "case.png").stat().st_size > 10_000
    assert (suite / "waits-0").read_text() == "cancelled"


@needs_chromium
def test_all_cases_fill_a_table_as_they_complete(url: str, suite: Path, tmp_path: Path) -> None:
    cases = (suite / "cases.yaml").read_text().split("- id: away")[0]
    (suite / "cases.yaml").write_text(cases)
    with chromium(tmp_path) as page:
        page.open(url)
        page.wait_for("document.querySelectorAll('#cases button').length === 3")
        page.run("document.getElementById('run-all').click()")
        page.wait_for("document.getElementById('status').textContent === '2 of 3 passed'")
        rows = page.run("[...document.querySelectorAll('#results tr')].slice(1).map(row => row.cells[2].textContent)")
        assert sorted(rows) == ["error", "passed", "passed"]
        assert page.problems == []
