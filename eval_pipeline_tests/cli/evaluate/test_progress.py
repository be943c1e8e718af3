"""What is printed while a run goes on."""

import io

from rich.console import Console

from eval_pipeline.cli.evaluate.progress import RunProgress


def test_what_looks_like_markup_is_printed_as_it_is() -> None:
    console = Console(file=io.StringIO(), width=100)
    RunProgress(console).step("table [bold]: 3 rows [/nothing]")
    assert console.file.getvalue() == "table [bold]: 3 rows [/nothing]\n"  # type: ignore[attr-defined]
