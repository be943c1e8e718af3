"""Which files the version of a suite's code covers: those that its source reads."""

from pathlib import Path

import pytest

from eval_pipeline.suite.code.version import covered_code, source_digest
from eval_pipeline_tests.suite.code.test_suite_modules import write


@pytest.mark.parametrize(
    "write_out",
    [
        "open(OUT, 'w').close()",
        "open(OUT, mode='ab').close()",
        "OUT.open('a').write('x')",
        "OUT.write_text('x')",
        "os.open(OUT, os.O_WRONLY | os.O_CREAT)",
        "logging.basicConfig(filename=OUT)",
        "frame.to_csv(OUT)",
        "shutil.copyfile('x', OUT)",
        "with OUT.open('w') as out:\n        json.dump(1, out)",
    ],
)
def test_what_the_code_writes_is_not_covered(folder: Path, write_out: str) -> None:
    write(folder, {"agent.py": f"OUT = Path(__file__).parent / 'out.json'\ndef answer(message):\n    {write_out}\n"})
    before = source_digest("agent.py:answer", folder=folder)
    write(folder, {"out.json": "1"})
    assert source_digest("agent.py:answer", folder=folder) == before


@pytest.mark.parametrize(
    ("use", "covered"),
    [
        ("FILE.exists()", False),
        ("os.path.exists(FILE)", False),
        ("(HERE / 'flag.txt').is_file()", False),
        ("Path(__file__).with_name('flag.txt').exists()", False),
        ("FILE.exists() and FILE.read_text()", True),
        ("open(FILE).read()", True),
        ("load(FILE)", True),
        ("open(os.path.join(os.path.dirname(__file__), 'flag.txt')).read()", True),
        ("load('flag.txt')", True),
        ("load(path='flag.txt')", True),
        ("load(unknown / 'flag.txt')", True),
    ],
)
def test_a_file_is_covered_if_it_is_read_and_not_if_it_is_only_looked_for(
    folder: Path, use: str, *, covered: bool
) -> None:
    code = "HERE = Path(__file__).parent\nFILE = HERE / 'flag.txt'\ndef answer(message, unknown):\n    return "
    write(folder, {"agent.py": code + use, "flag.txt": "1"})
    before = source_digest("agent.py:answer", folder=folder)
    write(folder, {"flag.txt": "2"})
    assert (source_digest("agent.py:answer", folder=folder) != before) is covered


def test_texts_that_no_file_can_be_called_are_no_files(folder: Path) -> None:
    long = "x" * 5000
    code = (
        f"a = load('{long}/b.txt')\nb = load('{long}' + '.txt')\nc = load(f'{long}/{{a}}')\nd = load('a\\0b/c.txt')\n"
    )
    write(folder, {"agent.py": code})
    assert covered_code("agent.py:a", folder=folder) is not None


def test_source_that_cannot_be_parsed_or_read_has_a_version(folder: Path) -> None:
    write(folder, {"agent.py": "def (", "binary.py": "\0"})
    assert len({source_digest("agent.py:x", folder=folder), source_digest("binary.py:x", folder=folder)}) == 2
