"""Every `vbc` block of the language reference does what the page says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.source import SourceFile
from contractlang.syntax.formatter import format_source
from tests.reference.checking import check, page_folder, problems
from tests.reference.pages import Block, blocks, paths, preambles

PAGES = {path.name: blocks(path) for path in paths()}
ALL = [block for page in PAGES.values() for block in page]
BASES = preambles(ALL)


@pytest.mark.parametrize("block", [b for b in ALL if b.form != "report"], ids=lambda b: b.id)
def test_block(block: Block, tmp_path: Path) -> None:
    assert problems(block, PAGES[block.page], BASES, tmp_path) == []


@pytest.mark.parametrize("block", [b for b in ALL if b.form == "report"], ids=lambda b: b.id)
def test_report(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report is what the terminal shows for the document above it."""
    page = PAGES[block.page]
    subject = page[page.index(block) - 1]
    monkeypatch.chdir(tmp_path)
    page_folder(tmp_path, page, subject, subject.text)
    assert report(check(Path("contract.vbc")).findings) == block.text


@pytest.mark.parametrize("block", [b for b in ALL if b.form == "document" and not b.bad], ids=lambda b: b.id)
def test_layout(block: Block) -> None:
    """Pages show contracts as `vbc fmt` lays them out."""
    assert format_source(SourceFile(block.id, block.text), Sink()) == block.text
