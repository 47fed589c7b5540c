"""A page that is wrong fails: the checks of the reference, tried on pages with a mistake in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reference.checking import problems
from tests.reference.pages import Block, PageError, blocks, preambles

DEMO = """\
```vbc as demo
contract a.b
version  "1"
settles  group per year
term     2024-01-01 to 2024-12-31

input results per group, year {
  budget  USD
  cost    USD
}

payment settlement to group = round(50% * (budget - cost) to cents, half away from zero)
```
"""


def found(folder: Path, text: str) -> list[str]:
    """All problems of the last block of a page."""
    path = folder / "page.md"
    path.write_text(DEMO + text, encoding="utf-8")
    page = blocks(path)
    inner = folder / "files"
    inner.mkdir()
    return problems(page[-1], page, preambles(page), inner)


def fenced(info: str, text: str) -> str:
    return f"```{info}\n{text}\n```\n"


@pytest.mark.parametrize(
    ("info", "text"),
    [
        ("vbc fragment of demo", "## Fine.\ndefine half_of_it = budget / 2"),
        ("vbc fragment of demo", "payment settlement to group = round(budget to cents, half away from zero)"),
        ("vbc bad unit-mismatch fragment of demo", "## Money and a number.\ndefine wrong = budget + 1"),
        ("vbc bad unit-mismatch expressions of demo", "budget + 1\nbudget > 1"),
        ("vbc warns unused-definition fragment of demo", "define unread = budget / 2"),
        ("vbc expressions of demo", "budget  # USD, for each group and year\n1 + 1  # = 2\n1 / 0  # is not reportable"),
        ("vbc fragment of demo", 'example "x" {\n  given budget = $2, cost = $1\n  expect settlement = $0.50\n}'),
    ],
)
def test_right_blocks_pass(tmp_path: Path, info: str, text: str) -> None:
    assert found(tmp_path, fenced(info, text)) == []


@pytest.mark.parametrize(
    ("info", "text"),
    [
        ("vbc fragment of demo", "## Money and a number.\ndefine wrong = budget + 1"),
        ("vbc fragment of demo", "define unread = budget / 2"),
        ("vbc bad unit-mismatch fragment of demo", "## Nothing wrong.\ndefine fine = budget + $1"),
        ("vbc bad kind-mismatch fragment of demo", "## Another mistake.\ndefine wrong = budget + 1"),
        ("vbc bad unit-mismatch fragment of demo", "## Two mistakes.\ndefine wrong = budget + 1 + nothing"),
        ("vbc bad unit-mismatch expressions of demo", "budget + 1\nbudget + $1"),
        ("vbc warns unused-definition fragment of demo", "## Read by nobody, but documented.\ndefine x = budget"),
        ("vbc expressions of demo", "budget  # USD pmpm"),
        ("vbc expressions of demo", "budget  # USD, for each year"),
        ("vbc expressions of demo", "budget"),
        ("vbc expressions of demo", "1 + 1  # = 3"),
        ("vbc expressions of demo", "2 > 1  # = 1"),
        ("vbc expressions of demo", "1 / 0  # is missing"),
        ("vbc expressions of demo", "1 / 1  # is missing"),
        ("vbc fragment of demo", 'example "x" {\n  given budget = $2, cost = $1\n  expect settlement = $0.51\n}'),
        ("vbc fragment of demo", 'example "x" {\n  given budget = $2\n  expect settlement = $0.50\n}'),
        ("vbc fragment of demo", "This is no contract."),
        ("vbc", "contract a.c"),
        ("vbc", "no contract at all"),
    ],
)
def test_wrong_blocks_fail(tmp_path: Path, info: str, text: str) -> None:
    assert found(tmp_path, fenced(info, text)) != []


@pytest.mark.parametrize(
    "text",
    [
        fenced("vbc fragments of demo", "define x = 1"),
        fenced("vbc bad", "define x = 1"),
        fenced("vbc fragment of dema", "define x = 1"),
        fenced("vbc as demo", "contract a.b"),
        "```text report\n```\n",
        "```vbc\ncontract a.b\n",
    ],
)
def test_pages_that_are_not_written_as_pages_are(tmp_path: Path, text: str) -> None:
    with pytest.raises(PageError):
        found(tmp_path, text)


def test_only_blocks_of_the_language_are_read(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("```toml\nfile = 1\n```\n" + DEMO + "```console\nvbc check\n```\n", encoding="utf-8")
    assert [(b.form, b.name) for b in blocks(path)] == [("document", "demo")]
    assert isinstance(blocks(path)[0], Block)
