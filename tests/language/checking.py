"""Checking contract texts in tests: a text, or a folder of documents, to its diagnostics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contractlang.diagnostics.diagnostic import Diagnostic, Severity, Sink
from contractlang.diagnostics.fixes import apply_fixes
from contractlang.diagnostics.render import report
from contractlang.plan.compiler import Compiled, compile_file


@dataclass(frozen=True)
class Checked:
    """What the compiler made of a file, and everything it reported, in the order of the text."""

    compiled: Compiled | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def codes(self) -> list[str]:
        return [d.code for d in self.diagnostics]

    @property
    def errors(self) -> list[str]:
        return [d.code for d in self.diagnostics if d.severity is Severity.ERROR]

    @property
    def frames(self) -> str:
        return report(self.diagnostics)

    def only(self, code: str) -> Diagnostic:
        """The one diagnostic that there is, which has this code."""
        assert self.codes == [code], self.frames or "nothing was reported"
        return self.diagnostics[0]


def check_file(path: Path) -> Checked:
    sink = Sink()
    compiled = compile_file(path, sink)
    return Checked(compiled, tuple(sink))


def check(text: str, folder: Path, name: str = "contract.vbc") -> Checked:
    """Check a text as a file of its own."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return check_file(path)


def sound(text: str, folder: Path) -> Compiled:
    """Compile a text that must check without errors; warnings are allowed."""
    found = check(text, folder)
    assert found.compiled is not None, found.frames
    assert not found.errors, found.frames
    return found.compiled


def write_fixes(diagnostics: tuple[Diagnostic, ...]) -> None:
    """Apply the first fix of each diagnostic to the files that it names."""
    for file, text in apply_fixes(diagnostics).texts.items():
        Path(file.name).write_text(text, encoding="utf-8")
