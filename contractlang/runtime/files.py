"""The files of a bound table: found, checked as a whole, and their columns looked up by header."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.engines.duckdb.files import Connection, Csv, FileProblem, parquet_columns, parquet_rows
from contractlang.engines.reading import Raw, bare
from contractlang.runtime.binding import TableBinding
from contractlang.semantics.scope import LEDGER
from contractlang.source import Span

_CHUNK = 1 << 20
_PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file whose columns are known. `headers` are the names that the binding uses, with the native type of each."""

    path: Path
    shown: str
    headers: tuple[tuple[str, str], ...]
    layout: Csv | None  # None: Parquet
    names: tuple[str, ...] = ()  # Parquet: the column names in the file


def open_file(connection: Connection, path: Path, shown: str, binding: TableBinding) -> OpenFile | FileProblem:
    """Check a file and read the names of its columns."""
    if not path.exists():
        return FileProblem("file-not-found", "does not exist", help="`--table NAME=PATH` gives another file")
    if path.is_dir():
        return FileProblem("file-unreadable", "is a directory", help="name the file in it")
    try:
        if path.stat().st_size == 0:
            return FileProblem("file-empty", "is empty")
        with path.open("rb") as handle:
            start = handle.read(4)
    except OSError as error:
        return FileProblem("file-unreadable", f"cannot be read: {error.strerror}")
    is_parquet = binding.format == "parquet" or (
        binding.format is None and (path.suffix.lower() in {".parquet", ".pq"} or start == _PARQUET_MAGIC)
    )
    return _open_parquet(connection, path, shown, binding) if is_parquet else _open_csv(path, shown, binding)


def _open_parquet(connection: Connection, path: Path, shown: str, binding: TableBinding) -> OpenFile | FileProblem:
    if binding.insert_headers or not binding.header:
        return FileProblem(
            "binding-syntax", "is Parquet, which names its columns itself", help="remove `insert_headers` and `header`"
        )
    found = parquet_columns(connection, path)
    if isinstance(found, FileProblem):
        return FileProblem(found.code, f"is no complete Parquet file: {found.reason}")
    rows = parquet_rows(connection, path)
    if isinstance(rows, FileProblem):
        return FileProblem(rows.code, f"is no complete Parquet file: {rows.reason}")
    if rows == 0 and binding.name != LEDGER:
        return FileProblem("file-empty", "has no rows")
    return OpenFile(path, shown, tuple(found), None, tuple(name for name, _ in found))


def _open_csv(path: Path, shown: str, binding: TableBinding) -> OpenFile | FileProblem:
    if (problem := _not_text(path)) is not None:
        return problem
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            records = csv.reader(handle, delimiter=binding.delimiter, strict=True)
            first = next(records, [])
            second = next(records, []) if binding.header else first
    except csv.Error as error:
        return FileProblem("file-unreadable", f"has a first line that is no CSV: {error}")
    except OSError as error:
        return FileProblem("file-unreadable", f"cannot be read: {error.strerror}")
    if not any(bare(cell) for cell in first):
        return FileProblem("file-unreadable", "starts with an empty line", help="the first line must name the columns")
    if not second and binding.name != LEDGER:  # nothing may have been paid yet
        return FileProblem("file-empty", "has no rows below its header")
    names = [bare(name) for name in first] if binding.header else [str(i + 1) for i in range(len(first))]
    other = next((d for d in ";\t|," if d in first[0] and d != binding.delimiter), None)
    if binding.header and len(first) == 1 and other is not None:
        shown_delimiter = "\\t" if other == "\t" else other
        reason = f"has one column only, named `{names[0][:60]}`"
        return FileProblem("file-unreadable", reason, help=f'write `delimiter = "{shown_delimiter}"` in the binding')
    width = len(names)
    for name, at in sorted(binding.insert_headers, key=lambda entry: entry[1]):
        if at > len(names) + 1:
            return FileProblem("binding-syntax", f"has {width} columns, so `insert_headers` cannot put one at {at}")
        names.insert(at - 1, name)
    # A header that lacks names may be as wide as the rows (the last name is then one too many) or narrower.
    width = len(second) if binding.insert_headers and width <= len(second) <= len(names) else width
    layout = Csv(width, binding.delimiter, binding.header)
    return OpenFile(path, shown, tuple((name, "text") for name in names[:width]), layout)


def _not_text(path: Path) -> FileProblem | None:
    """The first byte that is not UTF-8, with its line; None for good text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    done, lines = 0, 1
    with path.open("rb") as handle:
        while True:
            chunk = handle.read(_CHUNK)
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                data = error.object[: error.start]
                place = done - pending + error.start
                line = lines + data.count(b"\n")
                start = chunk[:2] if done == 0 else b""
                help_ = "save it as UTF-8"
                if start in {b"\xff\xfe", b"\xfe\xff"}:
                    help_ = "it looks like UTF-16: save it as UTF-8"
                return FileProblem(
                    "file-unreadable",
                    "is not UTF-8 text",
                    (f"line {line}, byte {place + 1} of the file is 0x{error.object[error.start]:02x}",),
                    help_,
                )
            if "\0" in text:
                return FileProblem("file-unreadable", "holds NUL bytes, so it is no CSV")
            if not chunk:
                return None
            lines += text.count("\n")
            done += len(chunk)


def mixed_line_ends(path: Path) -> bool:
    """Whether some lines end in CR LF and others in LF alone."""
    with path.open("rb") as handle:
        data = handle.read()
    pairs = data.count(b"\r\n")
    return 0 < pairs < data.count(b"\n")


@dataclass(slots=True)
class Columns:
    """The columns of the files of one table, looked up by header or position; each gets a name in SQL when it is used.

    `per_file` holds the position of each used column in each file.
    """

    table: str
    files: Sequence[OpenFile]
    ignore_case: bool
    sink: Sink
    used: dict[tuple[int, ...], Raw] = field(default_factory=dict)
    failed: bool = False

    def has(self, header: str) -> bool:
        return all(self._matches(file, header) for file in self.files)

    def by_header(self, header: str, span: Span | None) -> Raw | None:
        """The column with this header in every file; None after a report."""
        positions = []
        for file in self.files:
            matches = self._matches(file, header)
            if len(matches) != 1:
                self._report(file, header, matches, span)
                return None
            positions.append(matches[0])
        return self._use(tuple(positions))

    def by_position(self, position: int, span: Span | None) -> Raw | None:
        """The column at a position counted from 1."""
        for file in self.files:
            if position > len(file.headers):
                message = f"`{self.table}`: `{file.shown}` has no column {position}"
                note = f"it has {len(file.headers)} columns"
                self.failed = True
                self.sink.report(Diagnostic("column-not-found", message, span, notes=(note,)))
                return None
        return self._use((position - 1,) * len(self.files))

    def _use(self, positions: tuple[int, ...]) -> Raw | None:
        if positions not in self.used:
            natives = {file.headers[p][1] for file, p in zip(self.files, positions, strict=True)}
            native = natives.pop() if len(natives) == 1 else "string"
            header = self.files[0].headers[positions[0]][0]
            self.used[positions] = Raw(f"c{len(self.used)}", header, native)
        return self.used[positions]

    def _matches(self, file: OpenFile, header: str) -> list[int]:
        wanted = self._folded(header)
        return [i for i, (name, _) in enumerate(file.headers) if self._folded(name) == wanted]

    def _folded(self, header: str) -> str:
        return bare(header).casefold() if self.ignore_case else bare(header)

    def _report(self, file: OpenFile, header: str, matches: Sequence[int], span: Span | None) -> None:
        self.failed = True
        if matches:
            where = " and ".join(str(i + 1) for i in matches)
            message = f"`{self.table}`: `{file.shown}` has {len(matches)} columns named `{header}`"
            help_ = f"say which one: `{{ position = {matches[0] + 1} }}`"
            self.sink.report(
                Diagnostic("column-not-found", message, span, notes=(f"columns {where} of the file",), help=help_)
            )
            return
        names = [name for name, _ in file.headers]
        folded = {name.casefold(): name for name in names}
        near = [folded[n] for n in get_close_matches(header.casefold(), list(folded), n=3, cutoff=0.6)]
        help_ = "the first headers of the file are " + ", ".join(f"`{n}`" for n in names[:6])
        if near:
            help_ = "did you mean " + " or ".join(f"`{n}`" for n in near) + "?"
            if not self.ignore_case and header.casefold() in folded:
                help_ = (
                    f"the file writes `{folded[header.casefold()]}`; `ignore_case = true` matches headers without case"
                )
        self.sink.report(
            Diagnostic("column-not-found", f"`{self.table}`: `{file.shown}` has no column `{header}`", span, help=help_)
        )
