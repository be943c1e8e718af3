"""`python -m documentation`: write the reference pages into `docs/reference`."""

from pathlib import Path

from documentation.api import api_page
from documentation.commands import commands_page
from documentation.fields import fields_page
from eval_pipeline.suite.json_schema import cases_schema, suite_schema

FOLDER = Path(__file__).parents[1] / "docs" / "reference"

PAGES = {
    "suite.md": lambda: fields_page("Fields of suite.yaml", suite_schema()),
    "cases.md": lambda: fields_page("Fields of cases", cases_schema(), beside=("suite.md", suite_schema())),
    "commands.md": commands_page,
    "api.md": api_page,
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
