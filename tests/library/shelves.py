"""Folders of documents for the tests of this floor."""

from __future__ import annotations

from pathlib import Path

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.diagnostics.fixes import apply_fixes
from contractlang.library.edition import Edition, Loaded
from contractlang.library.imports import load
from contractlang.syntax import ast

HEAD = """\
contract {name}
version "{version}"
settles group per year
term 2011-01-01 to 2013-12-31

"""

AQC = (
    HEAD.format(name="bcbsma.aqc", version="2011.1")
    + """\
constant attachment = $250_000  source "appendix B"

## Budget growth.
schedule trend per year { 2011: 4.0%, 2012: 3.5%, 2013: 3.0% }

scale upside(points) linear, flat outside { 1: 20%, 5: 80% }

sharing risk {
  compare    budget to expense
  surplus    minimum 2% of budget, first dollar
  surplus    share upside(score)
  deficit    share 50%
  cap        10% of budget               # of the whole
  round      to cents, half away from zero
}

payment settlement to group = risk

guarantee "exposure is bounded" always abs(settlement) <= 20% of budget

example "half of the surplus" {
  given   budget = $100, expense = $90
  expect  risk = $5
}
"""
)


class Shelf:
    """A folder that is written and loaded. `fixed` applies the first fix of every finding to the files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.findings: list[Diagnostic] = []

    def write(self, **texts: str) -> Shelf:
        """Write files: `a__b="…"` is `a/b.vbc`."""
        for name, text in texts.items():
            path = self.folder / f"{name.replace('__', '/')}.vbc"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return self

    def load(self, name: str = "main", *, roots: tuple[Path, ...] = ()) -> Loaded | None:
        sink = Sink()
        loaded = load(self.folder / f"{name.replace('__', '/')}.vbc", sink, roots=roots)
        self.findings = list(sink)
        return loaded

    def sound(self, name: str = "main", *, roots: tuple[Path, ...] = ()) -> Loaded:
        """Load what must have no findings."""
        loaded = self.load(name, roots=roots)
        assert self.findings == []
        assert loaded is not None
        return loaded

    def edition(self, name: str = "main") -> Edition:
        """The last edition of what must have no findings."""
        return self.sound(name).editions[-1]

    def finding(self, code: str, name: str = "main") -> Diagnostic:
        """The one finding of a load, which must have this code, and a place unless the file itself is unreadable."""
        self.load(name)
        assert [d.code for d in self.findings] == [code], [d.message for d in self.findings]
        return self.findings[0]

    def codes(self, name: str = "main") -> list[str]:
        self.load(name)
        return [d.code for d in self.findings]

    def fixed(self) -> Shelf:
        for file, text in apply_fixes(self.findings).texts.items():
            Path(file.name).write_text(text, encoding="utf-8")
        return self


def item(edition: Edition, name: str) -> ast.Item:
    found = [i for i in edition.document.items if getattr(i, "name", getattr(i, "title", None)) == name]
    assert len(found) == 1
    return found[0]


def steps(edition: Edition, name: str) -> list[str]:
    """The steps of a block, as the words of the files that wrote them."""
    block = item(edition, name)
    assert isinstance(block, ast.Block)
    return [step.span.text for step in block.steps]
