"""Where a key of a TOML file stands, for the frames of diagnostics.

The parser of the standard library gives values without places, so keys are found again in the text. A key that cannot
be found (an unusual layout) has no place; the diagnostic then stands without a frame.
"""

from __future__ import annotations

import re

from contractlang.source import SourceFile, Span

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = re.compile(rf"{_KEY}(?:\s*\.\s*{_KEY})*")
_HEADER = re.compile(rf"^\s*\[\[?\s*({_DOTTED.pattern})\s*\]\]?", re.ASCII)
_ASSIGNMENT = re.compile(rf"^\s*({_DOTTED.pattern})\s*=", re.ASCII)
_INLINE = re.compile(rf"[{{,]\s*({_DOTTED.pattern})\s*=", re.ASCII)


class Places:
    """Finds keys by their path: `("tables", "results", "columns", "quality", "as")`."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self._found: dict[tuple[str, ...], Span] = {}
        here: tuple[str, ...] = ()
        inside: tuple[str, ...] = ()
        for number, start in enumerate(source.line_starts, 1):
            line = source.line(number)
            if header := _HEADER.match(line):
                here = inside = _parts(header[1])
                self._add(here, start, header)
                continue
            offset = 0
            if assignment := _ASSIGNMENT.match(line):
                inside = here + _parts(assignment[1])
                self._add(inside, start, assignment)
                offset = assignment.end()
            for inline in _INLINE.finditer(line, offset):
                self._add(inside + _parts(inline[1]), start, inline)

    def find(self, *path: str) -> Span | None:
        """The span of the key, or of the nearest key around it that is known."""
        while path:
            if path in self._found:
                return self._found[path]
            path = path[:-1]
        return None

    def _add(self, path: tuple[str, ...], start: int, match: re.Match[str]) -> None:
        self._found.setdefault(path, Span(self.source, start + match.start(1), start + match.end(1)))


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in re.findall(_KEY, dotted))
