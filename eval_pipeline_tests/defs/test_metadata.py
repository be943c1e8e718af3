"""What a materialization says of a case."""

from pathlib import Path
from typing import Any

from eval_pipeline.defs.metadata import case_metadata
from eval_pipeline_tests.building import a_case, a_suite, evaluated


async def why(folder: Path, message: str) -> Any:
    """The reason in the metadata of a case whose target raises `message`."""
    (folder / "own.py").write_text(f"def raises(message): raise RuntimeError({message!r})\n")
    suite = a_suite(folder, target={"kind": "python", "path": "own.py:raises"})
    return case_metadata([await evaluated(suite, a_case())])["eval/why"].value


async def test_why_a_case_did_not_pass_is_plain_text(folder: Path) -> None:
    assert await why(folder, "<b>*no* luck</b>") == "RuntimeError: <b>*no* luck</b>"


async def test_a_long_reason_is_cut_and_half_a_character_replaced(folder: Path) -> None:
    reason = await why(folder, "\ud800" + "x" * 5_000)
    assert len(reason) < 1_100
    assert reason.startswith("RuntimeError: ?xxx")
