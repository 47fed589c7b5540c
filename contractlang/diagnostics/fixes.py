"""Applying suggested fixes: the first one of each diagnostic, as long as no two touch the same text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contractlang.diagnostics.diagnostic import Diagnostic, Edit
from contractlang.source import SourceFile


@dataclass(frozen=True, slots=True)
class Fixed:
    """New texts by file, the diagnostics whose fix was applied, and those whose fix would have touched the same text."""

    texts: dict[SourceFile, str]
    applied: tuple[Diagnostic, ...]
    skipped: tuple[Diagnostic, ...]


def apply_fixes(diagnostics: Iterable[Diagnostic]) -> Fixed:
    """Apply the first fix of every diagnostic that has one. A fix is applied whole or not at all."""
    taken: dict[SourceFile, list[Edit]] = {}
    applied: list[Diagnostic] = []
    skipped: list[Diagnostic] = []
    for diagnostic in diagnostics:
        if not diagnostic.fixes:
            continue
        edits = diagnostic.fixes[0].edits
        pending = [edit for edit in edits if edit not in taken.get(edit.span.file, ())]
        if any(_touch(edit, other) for edit in pending for other in taken.get(edit.span.file, ())):
            skipped.append(diagnostic)
            continue
        for edit in pending:
            taken.setdefault(edit.span.file, []).append(edit)
        applied.append(diagnostic)
    texts = {file: _apply(file.text, edits) for file, edits in taken.items()}
    return Fixed(texts, tuple(applied), tuple(skipped))


def _touch(one: Edit, other: Edit) -> bool:
    """Overlapping, or inserting at the same place (the order of two insertions would be a guess)."""
    if one.span.start == other.span.start:
        return True
    return one.span.start < other.span.end and other.span.start < one.span.end


def _apply(text: str, edits: list[Edit]) -> str:
    for edit in sorted(edits, key=lambda e: e.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text
