"""Templates escape every value, and style sheets use the colours that exist."""

import re

import jinja2
import pytest

from eval_pipeline.pages.templating import environment, stylesheet

SHEETS = {
    "eval_pipeline.recorder.pages": "recorder.css",
    "eval_pipeline.api": "page/page.css",
    "eval_pipeline.analysis.report": "templates/report.css",
}


def test_values_are_escaped_and_undefined_names_are_errors() -> None:
    template = environment("eval_pipeline.recorder.pages").from_string("<b>{{ value }}</b>")
    assert template.render(value="<script>") == "<b>&lt;script&gt;</b>"
    with pytest.raises(jinja2.UndefinedError):
        template.render()


@pytest.mark.parametrize("package", SHEETS)
def test_every_colour_that_a_style_sheet_uses_is_defined_for_light_and_dark(package: str) -> None:
    sheet = stylesheet(package, SHEETS[package])
    used = set(re.findall(r"var\((--[\w-]+)", sheet))
    defined = re.findall(r"(--[\w-]+):", sheet)
    assert used <= set(defined)
    assert {name for name in used if defined.count(name) < 2} == set()
