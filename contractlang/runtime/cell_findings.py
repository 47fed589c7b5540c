"""Diagnostics about the cells and rows of a bound table: every problem is counted, a few examples are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from contractlang.diagnostics.diagnostic import Diagnostic, Severity, Sink
from contractlang.engines.duckdb.files import SHOWN
from contractlang.engines.duckdb.reading import CellTable, Counts
from contractlang.engines.reading import ABSENT, OUTSIDE, PERIODS, UNREADABLE, Reading, Unreadable, read_cell
from contractlang.runtime.asked import Asked
from contractlang.runtime.cell_formats import listed
from contractlang.runtime.cells import FROM, Slot
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import MEMBER_MONTH
from contractlang.source import Span


@dataclass(frozen=True, slots=True)
class Findings:
    """Reports what is wrong with the cells of one table."""

    schema: TableSchema
    cell_table: CellTable
    files: Sequence[str]
    rows: int
    span: Span | None
    sink: Sink
    asked: Asked

    @property
    def table(self) -> str:
        return self.schema.name

    def cells(self, slot: Slot, index: int, counts: Counts) -> None:
        """Report the cells of one column that cannot be used, and those that are missing without a rule."""
        reading = self.cell_table.readings[index]
        if counts.unreadable and reading.form == "code" and not reading.labels_of_sources:
            self._unknown_values(slot, index, counts.unreadable)
        elif counts.unreadable:
            self._unreadable(slot, index, counts.unreadable)
        if counts.outside:
            self._outside(slot, index, counts.outside)
        if counts.absent and not slot.default_of:
            self._missing(slot, index, counts.absent)

    def duplicates(self, keys: Sequence[tuple[str, int]]) -> None:
        """Report keys that name more than one row."""
        needed = [index for name, index in keys if name != FROM]
        total, found = self.cell_table.duplicates([index for _, index in keys], needed)
        if not total:
            return
        hidden = set() if self.asked.identifiers else {k.name for k in self.schema.keys if k.role == "open"}
        notes = []
        for again in found:
            shown = [(n, v) for (n, _), v in zip(keys, again.values, strict=True) if n not in hidden]
            key = ", ".join(f"{name} `{value}`" for name, value in shown)
            places = f"{self._place(*again.first)} and {self._place(*again.last)}"
            notes.append(f"{key or 'the table'}: {_rows(again.count)}, {places}")
        names = listed([name for name, _ in keys])
        many = "1 key names" if total == 1 else f"{total:,} keys name"
        message = (
            f"`{self.table}`: {many} more than one row" if keys else f"`{self.table}` has no key, yet several rows"
        )
        help_ = f"the key of the table is {names}: is one missing, or are rows doubled in the file?" if keys else ""
        more = _more(total, len(notes))
        said = tuple(self._differences([i for _, i in keys], needed)) if keys else ()
        self.sink.report(Diagnostic("duplicate-key", message, self.span, notes=(*said, *notes, *more), help=help_))

    def _differences(self, keys: Sequence[int], needed: Sequence[int]) -> Iterator[str]:
        """`2 keys: the rows differ in pcp_group (whose row it is)`, per set of columns in which rows of one key differ."""
        others = {i: r.name for i, r in enumerate(self.cell_table.readings) if i not in keys}
        for differing, count in self.cell_table.differences(keys, needed, others):
            names = [f"`{n}` (whose row it is)" if n == self.asked.use.unit else f"`{n}`" for n in differing]
            what = f"the rows differ in {', '.join(names)}" if names else "the rows say the same"
            yield f"{count:,} key{'' if count == 1 else 's'}: {what}"

    def months(self, numbers: Mapping[str, int]) -> None:
        """Warn of rows in months that no period of the contract reads: they are counted nowhere."""
        key = next((k.name for k in self.schema.keys if k.role == "period" and k.name in numbers), None)
        if key is None or self.asked.months is None or not self.schema.member_level:
            return
        found = self.cell_table.outside(numbers[key], self.asked.months.stretches)
        if not found:
            return
        notes = [f"`{month}`: {_rows(count)}, {self._place(*first)}" for month, count, first in found[:SHOWN]]
        total = sum(count for _, count, _ in found)
        many = "a month" if len(found) == 1 else f"{len(found):,} months"
        message = f"`{self.table}.{key}`: {_rows(total)} in {many} that no period of the contract reads"
        shown = sum(count for _, count, _ in found[:SHOWN])
        help_ = "they are counted nowhere: mend the file if they belong to the term"
        self.sink.report(
            Diagnostic(
                "rows-outside-term",
                message,
                self.span,
                notes=(*notes, *_more(total, shown)),
                help=help_,
                severity=Severity.WARNING,
            )
        )

    def _unreadable(self, slot: Slot, index: int, total: int) -> None:
        reading = self.cell_table.readings[index]
        notes = []
        reasons = set()
        for file, row, cells in self.cell_table.examples(index, UNREADABLE):
            found = read_cell(reading, *cells)
            reason = found.reason if isinstance(found, Unreadable) else _refused(reading)
            reasons.add(reason)
            notes.append(f"{self._place(file, row)}, column `{reading.header}`: `{', '.join(cells)}`: {reason}")
        first = notes[0].rpartition(": `")[2].partition("`")[0] if notes else ""
        message = f"{_cells(total)} cannot be read"
        self._report("cell-unreadable", slot, _Finding(message, notes, total, _help(reasons, first)))

    def _unknown_values(self, slot: Slot, index: int, total: int) -> None:
        reading = self.cell_table.readings[index]
        values = self.cell_table.unreadable_texts(index)
        labels = reading.labels or ()
        notes = [f"`{value}` in {_rows(count)}, the first is row {first}" for value, count, first in values[:SHOWN]]
        near = get_close_matches(values[0][0], labels, n=1)
        help_ = f'translate it in the binding: `map = {{ "{values[0][0]}" = "{near[0] if near else labels[0]}" }}`'
        many = "a value" if len(values) == 1 else f"{len(values):,} values"
        message = f"{_cells(total)} with {many} that the category lacks"
        shown = sum(count for _, count, _ in values[:SHOWN])
        self._report("unknown-category", slot, _Finding(message, notes, total, help_, shown))

    def _outside(self, slot: Slot, index: int, total: int) -> None:
        reading = self.cell_table.readings[index]
        notes = [
            f"{self._place(file, row)}, column `{reading.header}`: `{', '.join(cells)}`"
            for file, row, cells in self.cell_table.examples(index, OUTSIDE)
        ]
        message = f"{_cells(total)} outside the bounds of the contract"
        help_ = "mend the file, or the bounds after `within` in the contract"
        column = self.schema.column(slot.name)
        if column is not None and (column.type.unit == MEMBER_MONTH or column.name == self.asked.use.months):
            help_ = "member-months are not negative: mend the file, or write `within` if it books reversals"
        self._report("out-of-range", slot, _Finding(message, notes, total, help_))

    def _missing(self, slot: Slot, index: int, total: int) -> None:
        reading = self.cell_table.readings[index]
        places = [self._place(file, row) for file, row, _ in self.cell_table.examples(index, ABSENT)]
        notes = [f"column `{reading.header}`: {'; '.join(places)}"]
        if slot.key is not None:
            message, help_ = f"{_rows(total)} without a value for this key", "every row needs its key: mend the file"
            self._report("missing-value", slot, _Finding(message, notes, total, help_, len(places)))
            return
        message = f"no value in {total:,} of {_rows(self.rows)}"
        help_ = "say `when missing …` in the contract if the value may be missing; units paid on it are held"
        self._report("missing-value", slot, _Finding(message, notes, total, help_, len(places), Severity.WARNING))

    def _place(self, file: int, row: int) -> str:
        return f"`{self.files[file]}`, row {row}"

    def _report(self, code: str, slot: Slot, finding: _Finding) -> None:
        message = f"`{self.table}.{slot.name}`: {finding.message}"
        shown = len(finding.notes) if finding.shown is None else finding.shown
        notes = (*finding.notes, *_more(finding.total, shown))
        self.sink.report(Diagnostic(code, message, notes=notes, help=finding.help, severity=finding.severity))


@dataclass(frozen=True, slots=True)
class _Finding:
    """A headline, examples of `total` cells (of `shown`, if that is not the number of notes), and the remedy."""

    message: str
    notes: Sequence[str]
    total: int
    help: str
    shown: int | None = None
    severity: Severity = Severity.ERROR


def _refused(reading: Reading) -> str:
    """Why SQL refuses a cell that the definition reads: a few ways to write a date, and integers beyond 64 bits."""
    return "too large" if reading.form == "int" else "not written in the usual way"


def _help(reasons: set[str], text: str) -> str:
    if any("percentage or a fraction" in reason for reason in reasons):
        return 'say how the file writes it: `as = "percent"` (74 or 74%) or `as = "fraction"` (0.74)'
    if any("decimals" in reason for reason in reasons):
        return "declare more decimals in the contract, or write `round = true` in the binding to round each number once"
    if any("percent sign" in reason for reason in reasons):
        return 'write `as = "percent"` in the binding, or `strip = "%"` if the sign is wrong'
    if any(f" {word} written" in reason for reason in reasons for word in PERIODS):
        return 'say how the file writes it: `as = "yyyymm"`, or `as = "date"` with its `format`'
    if any("date written" in reason for reason in reasons):
        return 'name the format in the binding, for example `format = "%m/%d/%Y"`'
    if any("yes" in reason for reason in reasons):
        return 'name the texts in the binding: `yes = "1"`, `no = "0"`'
    return f'if it means "no value", add it to `absent` in the binding: `absent = ["{text}"]`'


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count:,} cells"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _more(total: int, shown: int) -> tuple[str, ...]:
    return (f"and {total - shown:,} more",) if total > shown else ()
