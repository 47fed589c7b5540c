"""Diagnostics for people: the framed form for a terminal and the one-line form for logs and editors.

Both are plain text; `colour=True` adds ANSI colours to the frame. Text from files may hold anything, so control and
direction characters are never passed on to the terminal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Severity
from contractlang.source import SourceFile, Span

_COLOURS = {
    "error": "1;31",
    "warning": "1;33",
    "bold": "1",
    "dim": "2",
    "primary": "1;31",
    "second": "1;34",
    "help": "1;36",
    "added": "32",
    "removed": "31",
}
_LONGEST = 160
_BEFORE = 50
_DIRECTION = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")


def concise(diagnostic: Diagnostic) -> str:
    """`file:line:column: error[code]: message`, without the place where a finding has none."""
    span = diagnostic.span
    place = f"{span.file.name}:{span.line}:{span.column}: " if span else ""
    return f"{clean(place)}{diagnostic.severity}[{diagnostic.code}]: {clean(diagnostic.message)}"


def terminal(diagnostic: Diagnostic, *, colour: bool = False) -> str:
    """The frame: headline, source lines with what is underlined, notes, help, and the first fix as a change of lines."""
    paint = _Paint(colour)
    lines = [
        paint(f"{diagnostic.severity}[{diagnostic.code}]", diagnostic.severity)
        + paint(f": {clean(diagnostic.message)}", "bold")
    ]
    marks = list(_marks(diagnostic))
    width = _gutter_width(marks, diagnostic.fixes)
    lines.extend(_frames(marks, width, paint))
    bar = " " * (width + 1)
    for word, texts in (("note", diagnostic.notes), ("help", (diagnostic.help,) if diagnostic.help else ())):
        style = "help" if word == "help" else "bold"
        for text in texts:
            head, *rest = clean(text, keep="\n").split("\n")
            lines.append(f"{bar}{paint('=', 'second')} {paint(f'{word}:', style)} {head}")
            lines.extend(f"{bar}        {line}" for line in rest)
    for fix in diagnostic.fixes[:1]:
        lines.append(f"{bar}{paint('=', 'second')} {paint('fix:', 'help')} {clean(fix.title)}")
        lines.extend(_change(fix, width, paint))
    return "\n".join(lines)


def report(diagnostics: Iterable[Diagnostic], *, colour: bool = False) -> str:
    """All frames, a blank line between them, and the counts at the end; "" when there is nothing to report."""
    found = list(diagnostics)
    if not found:
        return ""
    frames = [terminal(diagnostic, colour=colour) for diagnostic in found]
    return "\n\n".join([*frames, summary(found)]) + "\n"


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    found = list(diagnostics)
    errors = sum(d.severity is Severity.ERROR for d in found)
    parts = [_counted(errors, "error"), _counted(len(found) - errors, "warning")]
    return ", ".join(part for part in parts if part)


def clean(text: str, *, keep: str = "") -> str:
    """The text without control and direction characters; a line end becomes a space unless it is to be kept."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character, keep) for character in text)


def _shown(character: str, keep: str) -> str:
    if character in keep:
        return character
    if character in "\n\r\t":
        return " "
    if character in _DIRECTION or unicodedata.category(character) in {"Cc", "Cs"}:
        return "\N{REPLACEMENT CHARACTER}"
    return character


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}" if number else ""


class _Paint:
    def __init__(self, colour: bool) -> None:  # noqa: FBT001 - a private switch, always set by name of the class
        self._colour = colour

    def __call__(self, text: str, style: str) -> str:
        return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if self._colour and text else text


@dataclass(frozen=True, slots=True)
class _Mark:
    """One underlined stretch of one line; columns count from 0."""

    file: SourceFile
    line: int
    start: int
    end: int
    text: str
    primary: bool


def _marks(diagnostic: Diagnostic) -> Iterator[_Mark]:
    if diagnostic.span is not None:
        yield from _stretches(diagnostic.span, diagnostic.under, primary=True)
    for label in diagnostic.labels:
        yield from _stretches(label.span, label.text, primary=False)


def _stretches(span: Span, text: str, *, primary: bool) -> Iterator[_Mark]:
    """A span over several lines is marked on its first line, to the end of that line."""
    first, column = span.file.position(span.start)
    last, end = span.file.position(max(span.start, span.end))
    if first != last:
        end = len(span.file.line(first)) + 1
    yield _Mark(span.file, first, column - 1, max(end - 1, column), clean(text), primary)


def _gutter_width(marks: list[_Mark], fixes: tuple[Fix, ...]) -> int:
    numbers = [mark.line for mark in marks]
    numbers += [edit.span.line for fix in fixes[:1] for edit in fix.edits]
    return len(str(max(numbers, default=1)))


def _frames(marks: list[_Mark], width: int, paint: _Paint) -> Iterator[str]:
    """One frame per file; the file of the primary mark comes first."""
    files: list[SourceFile] = []
    for mark in marks:
        if mark.file not in files:
            files.append(mark.file)
    for number, file in enumerate(files):
        own = [mark for mark in marks if mark.file == file]
        head = own[0]
        arrow = "-->" if number == 0 else ":::"
        yield f"{' ' * width}{paint(arrow, 'second')} {clean(file.name)}:{head.line}:{head.start + 1}"
        empty = f"{' ' * (width + 1)}{paint('|', 'second')}"
        yield empty
        shown = 0
        for line in sorted({mark.line for mark in own}):
            if shown and line > shown + 1:
                yield paint("...", "second")
            shown = line
            yield from _line(file, line, [m for m in own if m.line == line], width, paint)
        yield empty


def _line(file: SourceFile, number: int, marks: list[_Mark], width: int, paint: _Paint) -> Iterator[str]:
    text, offset, left = _window(file.line(number), min(mark.start for mark in marks))
    gutter = paint(f"{number:>{width}} |", "second")
    yield f"{gutter} {left}{_columns(text)}".rstrip()
    empty = f"{' ' * (width + 1)}{paint('|', 'second')}"
    for mark in sorted(marks, key=lambda m: (not m.primary, m.start)):
        start = max(mark.start - offset, 0)
        end = min(mark.end - offset, len(text)) if mark.end - offset > start else start
        blank = len(left) + len(_columns(text[:start]))
        size = max(_width(_columns(text[start:end])), 1)
        pad = blank + _width(_columns(text[:start])) - len(_columns(text[:start]))
        style = "primary" if mark.primary else "second"
        words = f"{('^' if mark.primary else '-') * size} {mark.text}".rstrip()
        yield f"{empty} {' ' * pad}{paint(words, style)}"


def _window(text: str, start: int) -> tuple[str, int, str]:
    """The part of a long line around `start`: its text, where it begins, and what stands for the part left out."""
    if len(text) <= _LONGEST:
        return text, 0, ""
    begin = max(0, min(start - _BEFORE, len(text) - _LONGEST))
    return text[begin : begin + _LONGEST], begin, "…" if begin else ""


def _columns(text: str) -> str:
    return clean(text.replace("\t", "    "))


def _width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def _change(fix: Fix, width: int, paint: _Paint) -> Iterator[str]:
    """The lines that a fix changes, before and after."""
    for file in dict.fromkeys(edit.span.file for edit in fix.edits):
        edits = sorted((e for e in fix.edits if e.span.file == file), key=lambda e: e.span.start)
        first = file.position(edits[0].span.start)[0]
        last = file.position(edits[-1].span.end)[0]
        if last - first > 6:  # a change over many lines says more in words than in lines
            continue
        start, end = file.line_starts[first - 1], file.line_starts[last - 1] + len(file.line(last))
        before = file.text[start:end].split("\n")
        after = _applied(file.text, edits, start, end).split("\n")
        while before and after and before[0] == after[0]:
            del before[0], after[0]
            first += 1
        while before and after and before[-1] == after[-1]:
            del before[-1], after[-1]
        for sign, style, lines in (("-", "removed", before), ("+", "added", after)):
            for number, line in enumerate(lines, first):
                shown = _columns(_window(line, 0)[0])
                yield f"{paint(f'{number:>{width}} {sign}', 'second')} {paint(shown, style)}".rstrip()


def _applied(text: str, edits: list[Edit], start: int, end: int) -> str:
    parts: list[str] = []
    at = start
    for edit in edits:
        parts += [text[at : edit.span.start], edit.text]
        at = edit.span.end
    return "".join([*parts, text[at:end]])
