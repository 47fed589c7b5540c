"""Source files and spans: where every piece of a contract stands in its text."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class SourceFile:
    """A named text. `name` is the path as the user wrote it; it is shown, never opened again."""

    name: str
    text: str

    @classmethod
    def read(cls, path: Path) -> SourceFile:
        """Read a UTF-8 file (a byte order mark is dropped). Raises OSError or UnicodeDecodeError."""
        return cls(str(path), path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))

    @cached_property
    def line_starts(self) -> list[int]:
        return [0, *(i + 1 for i, character in enumerate(self.text) if character == "\n")]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line (counted from 1) without its end."""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] - 1 if number < len(self.line_starts) else len(self.text)
        return self.text[start:end]


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of characters in one source file."""

    file: SourceFile = field(repr=False)
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.file.text[self.start : self.end]

    @property
    def line(self) -> int:
        return self.file.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.file.position(self.start)[1]

    @property
    def place(self) -> str:
        """`file:line`, the form in which explanations cite a clause."""
        return f"{self.file.name}:{self.line}"

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of the other."""
        return Span(self.file, self.start, other.end)
