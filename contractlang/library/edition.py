"""What the library floor delivers: a contract as a series of consolidated texts, each in force for a stretch of time."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from contractlang.source import SourceFile, Span
from contractlang.syntax import ast


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read and parsed. `digest` is the SHA-256 of its bytes."""

    path: Path
    file: SourceFile
    digest: str
    document: ast.Document


@dataclass(frozen=True, slots=True)
class Setting:
    """`set NAME = value`: the place of the change, and the clause that it changed, in the text that first wrote it.

    The changed clause carries the span of the change; this record finds its words. `pieces` pair every replaced span of
    the clause with the span of its new words.
    """

    change: Span
    changed: Span
    pieces: tuple[tuple[Span, Span], ...]


@dataclass(frozen=True, slots=True)
class Consolidated:
    """A document with everything it extends and every amendment so far merged in.

    `document` needs no further merging: no base, no changes, no item marked `replace`; `document.broken` names the items
    of all its files that could not be read. `reads` are the files that wrote it, the document's own first. `sound` is
    False when a base was not found, so that nothing can be said about names that are not there.
    """

    document: ast.Document
    reads: tuple[Read, ...]
    settings: tuple[Setting, ...] = ()
    sound: bool = True


@dataclass(frozen=True, slots=True)
class Edition:
    """The consolidated text in force from `start` to the day before `end`.

    The first edition starts with the term, the last ends with it (`end` is the day after the term's last day). A
    settlement period is governed by the edition in force on its first day. Spans in `document` point into the file that
    wrote the clause.

    `uses` lists every `use` with the document it means: the edition's own in written order, then those of the used
    documents (`Use.span.file` tells whose it is). `amendments` are the names of those in force, oldest first. `files`
    are all texts that the edition depends on. `byte_hash` is over the bytes of those files, `meaning_hash` over what
    they say; neither depends on amendments that come later. `merged` are the uses whose items belong to this text: not those
    of contracts that are used for their results, which `foreign` lists with their files.
    """

    document: ast.Document
    start: dt.date
    end: dt.date
    uses: tuple[tuple[ast.Use, ast.Document], ...]
    amendments: tuple[str, ...]
    files: tuple[SourceFile, ...]
    byte_hash: str
    meaning_hash: str
    settings: tuple[Setting, ...] = ()
    merged: tuple[tuple[ast.Use, ast.Document], ...] = ()
    foreign: tuple[tuple[ast.Use, Path], ...] = ()

    def covers(self, day: dt.date) -> bool:
        return self.start <= day < self.end


@dataclass(frozen=True, slots=True)
class Locked:
    """A used document as the lock file keeps it: `meaning` is its meaning hash."""

    name: str
    version: str | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A contract with all its editions, in order of time. A library has one edition, without end.

    `document` is the contract's own file as parsed, before anything was merged. Where an amendment file was loaded, it
    is the contract that the amendment amends. `used` are the documents behind all uses, each once, by name and version.
    `unknown` names the amendments that were not published yet on the day that was asked for.
    """

    document: ast.Document
    file: SourceFile
    editions: tuple[Edition, ...]
    used: tuple[Locked, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """All files of all editions, each once."""
        return tuple(dict.fromkeys(file for edition in self.editions for file in edition.files))

    def edition_on(self, day: dt.date) -> Edition | None:
        """The edition in force on a day; None outside the term."""
        return next((edition for edition in self.editions if edition.covers(day)), None)
