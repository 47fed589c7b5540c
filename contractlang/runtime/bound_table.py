"""One table of a contract bound to its files: loaded, and every cell read or reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import duckdb

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.engines.duckdb.aside import remove
from contractlang.engines.duckdb.files import Connection, FileProblem, Parts, words
from contractlang.engines.duckdb.reading import CellTable, Counts
from contractlang.engines.reading import Raw
from contractlang.engines.sql.knowing import Known
from contractlang.runtime.asked import Asked
from contractlang.runtime.binding import TableBinding
from contractlang.runtime.binding_report import ColumnReport, Rounded, TableReport, plain
from contractlang.runtime.cell_findings import Findings
from contractlang.runtime.cells import Slot, known_columns, slots_of
from contractlang.runtime.files import Columns, OpenFile, mixed_line_ends, open_file
from contractlang.runtime.set_aside import SetAside
from contractlang.runtime.setting_aside import set_rows_aside
from contractlang.semantics.model import TableSchema
from contractlang.semantics.scope import LEDGER


@dataclass(frozen=True, slots=True)
class BoundTable:
    """A table whose cells have all been read; `index` gives the reading of a slot in `cells` (None: no file is read).

    `counts` says for each reading what became of its cells. Rows that cannot be used are not among the cells any more.
    """

    schema: TableSchema
    slots: Sequence[Slot]
    cells: CellTable
    files: Sequence[str]
    rows: int
    report: TableReport
    parts: Parts
    counts: Sequence[Counts] = ()

    @property
    def set_aside(self) -> Sequence[SetAside]:
        """The rows that cannot be used."""
        return self.report.set_aside

    def free(self, *, whole: bool) -> None:
        """Free what is not needed any more: the text of the files, and with `whole` the typed cells too."""
        self.cells.free(whole=whole)
        if self.cells.held:
            self.parts.free()

    def index(self, slot: Slot) -> int | None:
        return next((i for i, reading in enumerate(self.cells.readings) if reading.name == slot.name), None)


def bind_table(
    connection: Connection,
    schema: TableSchema,
    binding: TableBinding,
    paths: Sequence[tuple[Path, str]],
    sink: Sink,
    *,
    asked: Asked,
) -> BoundTable | None:
    """Load the files (with the name to show for each) and read every cell; None after a report of all that is wrong.

    Rows with cells or keys that cannot be used are set aside, and reported to `asked.rows`: whether the others may be
    used without them is for the caller to decide.
    """
    return _Binder(connection, schema, binding, sink, asked).bind(paths)


@dataclass(slots=True)
class _Binder:
    connection: Connection
    schema: TableSchema
    binding: TableBinding
    sink: Sink
    asked: Asked
    known: Sequence[Known] = ()

    def bind(self, paths: Sequence[tuple[Path, str]]) -> BoundTable | None:
        files = self._open(paths)
        if files is None:
            return None
        columns = Columns(self.schema.name, files, self.binding.ignore_case, self.sink)
        where = [(columns.by_header(header, self.binding.span), values) for header, values in self.binding.where]
        slots = slots_of(self.schema, self.binding, columns, self.sink)
        known = known_columns(self.schema, self.binding, columns, self.asked.known_on, self.sink)
        if known is None:
            return None
        self.known = known
        if slots is None or columns.failed or (parts := self._load(files, columns)) is None:
            return None
        try:
            return self._read(slots, [(raw, values) for raw, values in where if raw is not None], files, parts)
        except duckdb.Error as error:
            shown = ", ".join(f"`{file.shown}`" for file in files)
            message = f"`{self.schema.name}`: {shown} cannot be read: {words(error)}"
            self.sink.report(Diagnostic("file-unreadable", message))
            return None

    def _open(self, paths: Sequence[tuple[Path, str]]) -> list[OpenFile] | None:
        files = []
        for path, shown in paths:
            found = open_file(self.connection, path, shown, self.binding)
            if isinstance(found, FileProblem):
                self._report(found, shown)
            else:
                files.append(found)
        return files if len(files) == len(paths) else None

    def _load(self, files: Sequence[OpenFile], columns: Columns) -> Parts | None:
        parts = Parts(self.connection, f"raw {self.schema.name}")
        fine = True
        for number, file in enumerate(files):
            used = [(positions[number], raw) for positions, raw in columns.used.items()]
            if file.layout is not None:
                problem = parts.add_csv(file.path, file.layout, [(raw.name, position) for position, raw in used])
                if problem is not None and not problem.notes and mixed_line_ends(file.path):
                    reason = "mixes line ends: some lines end in CR LF, others in LF"
                    problem = FileProblem(problem.code, reason, help="save the file with one kind of line end")
            else:
                wanted = [(raw.name, file.headers[position][0], raw.native) for position, raw in used]
                problem = parts.add_parquet(file.path, wanted, held=not self.schema.member_level)
            if problem is not None:
                self._report(problem, file.shown)
                fine = False
        if not fine:
            return None
        parts.finish()
        return parts

    def _report(self, problem: FileProblem, shown: str) -> None:
        message = f"`{self.schema.name}`: file `{shown}` {problem.reason}"
        self.sink.report(Diagnostic(problem.code, message, notes=problem.notes, help=problem.help))

    def _read(
        self, slots: list[Slot], where: list[tuple[Raw, tuple[str, ...]]], files: Sequence[OpenFile], parts: Parts
    ) -> BoundTable | None:
        cells = CellTable.of(
            self.connection,
            self.schema.name,
            [slot.reading for slot in slots if slot.reading is not None],
            where,
            member_level=self.schema.member_level,
            held=not (self.schema.member_level and all(file.layout is None for file in files)),
            known=self.known,
        )
        settled = {reading.name: reading for reading in cells.readings}
        slots = [replace(slot, reading=settled.get(slot.name)) for slot in slots]
        shown = [file.shown for file in files]
        all_rows = cells.raw_rows()
        used, counts = cells.counts()
        passing, unknown = cells.left_out(where, self.known) if self.known else (used, {})
        if not self._dated(cells, where):
            return None
        if passing == 0 and self.schema.name != LEDGER:
            message = f"`{self.schema.name}`: none of the {all_rows:,} rows of {', '.join(shown)} passes `where`"
            span, help_ = self.binding.span, "check the values under `where`"
            self.sink.report(Diagnostic("file-empty", message, span, help=help_))
            return None
        numbers = {reading.name: i for i, reading in enumerate(cells.readings)}
        keys = [slot for slot in slots if slot.key is not None and slot.name in numbers]
        own = Sink()
        findings = Findings(self.schema, cells, shown, used, self.binding.span, own, self.asked)
        for slot in slots:
            if slot.name in numbers:
                findings.cells(slot, numbers[slot.name], counts[numbers[slot.name]])
        if self.schema.keys or not self.schema.member_level:
            findings.duplicates([(slot.name, numbers[slot.name]) for slot in keys])
        aside: Sequence[SetAside] = ()
        if own.failed or self._lacks(slots, numbers, counts):
            aside = set_rows_aside(self.schema, slots, cells, counts, files=shown, asked=self.asked)
            remove(cells, parts)
            used, counts = cells.counts()
        findings.months(numbers)
        self.asked.rows.extend(own)
        if (aside and used == 0) or (
            own.failed and not keys
        ):  # without keys nothing says which of several rows is meant
            if self.asked.needs:
                message = f"`{self.schema.name}`: no row of {', '.join(shown)} can be used"
                help_ = "mend the rows that are named"
                self.sink.report(Diagnostic("file-empty", message, self.binding.span, help=help_))
            return None
        columns = [
            _from_file(cells, slot, numbers[slot.name], counts[numbers[slot.name]])
            if slot.reading is not None
            else ColumnReport(slot.name, slot.source, {}, plain(slot.absent) if slot.default_of else None)
            for slot in slots
        ]
        left_out = {self._where_words(): all_rows - passing} if all_rows > passing else {}
        left_out |= unknown
        undated = self.asked.known_on is not None and not self.known
        report = TableReport(self.schema.name, shown, used, left_out, columns, undated, aside)
        return BoundTable(self.schema, slots, cells, shown, used, report, parts, counts)

    def _dated(self, cells: CellTable, where: list[tuple[Raw, tuple[str, ...]]]) -> bool:
        """Whether every cell that says when its row is known holds a date; reports those that do not."""
        fine = True
        for test in self.known:
            count, row, shown = cells.no_dates(where, test)
            if count:
                fine = False
                column = f"`{self.schema.name}`, column `{test.reading.header}`"
                message = f"{column}: {count:,} cell{'' if count == 1 else 's'} without a date"
                note = f"`{shown}`, the first in row {row}"
                self.sink.report(Diagnostic("cell-unreadable", message, self.binding.span, notes=(note,)))
        return fine

    def _lacks(self, slots: Sequence[Slot], numbers: Mapping[str, int], counts: Sequence[Counts]) -> bool:
        """Whether rows lack a value that is added up."""
        return self.asked.needs and any(
            counts[numbers[slot.name]].absent
            for slot in slots
            if slot.name in numbers and slot.name in self.asked.use.needed and not slot.default_of
        )

    def _where_words(self) -> str:
        tests = [f"{header} is not {' or '.join(f'`{v}`' for v in values)}" for header, values in self.binding.where]
        return "; or ".join(tests)


def _from_file(cells: CellTable, slot: Slot, index: int, counts: Counts) -> ColumnReport:
    reading = cells.readings[index]
    absent: dict[str, int] = {}
    if counts.absent:
        several = len(reading.absent) > 1 and not reading.labels_of_sources
        absent = cells.absent_texts(index) if several else {"": counts.absent}
    rounded = None
    if reading.rounds:
        largest = cells.largest_change(index) if counts.rounded else Fraction(0)
        rounded = Rounded(reading.places or 0, counts.rounded, largest)
    default = plain(slot.absent) if counts.absent and slot.default_of else None
    return ColumnReport(slot.name, slot.source, absent, default, rounded)
