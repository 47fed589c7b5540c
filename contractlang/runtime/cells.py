"""What fills each key and column of a table: how its cells are read, a constant, or the contract's default."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fractions import Fraction

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.engines.reading import Form, Reading, Unreadable, read_cell
from contractlang.engines.sql.knowing import Known
from contractlang.runtime.binding import Scalar, Source, TableBinding
from contractlang.runtime.cell_formats import Formats, Want, listed, text_of_scalar
from contractlang.runtime.files import Columns
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import NUMERIC, Kind
from contractlang.source import Span
from contractlang.values import Absent, State, Value

FROM = "from"
"""The key of an exhibit that holds the date from which a row is in force."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A key or column of a table and what fills it: `reading`, or `constant` where no file is read.

    `absent` is what a cell without a value becomes, in the units of the file; `default_of` says who gave that value
    (`contract` or `binding`). `source` is where the values come from, for the report.
    """

    name: str
    form: Form
    source: str
    absent: Value
    key: KeyColumn | None = None
    reading: Reading | None = None
    constant: Value | None = None
    default_of: str = ""
    labels: tuple[str, ...] = ()


_KEY_FORMS: Mapping[str, Form] = {"period": "period", "category": "code", "date": "date", FROM: "date"}


def slots_of(schema: TableSchema, binding: TableBinding, columns: Columns, sink: Sink) -> list[Slot] | None:
    """What fills every key and column of a table, keys first; None after a report."""
    builder = _Slots(schema, binding, Formats(schema, binding, columns, sink), sink)
    slots = builder.build()
    return None if builder.failed or builder.formats.failed or columns.failed else slots


def known_columns(
    schema: TableSchema, binding: TableBinding, columns: Columns, on: dt.date | None, sink: Sink
) -> list[Known] | None:
    """The columns that say when rows are known: those of the binding, else `known_from` and `known_to` of the file.

    The day of a payment in the ledger says by itself when it was paid. None after a report.
    """
    sources = dict(binding.known or {})
    if binding.known is None:
        headers = {"from": "known_from", "to": "known_to"}
        sources = {r: Source(binding.span, column=h) for r, h in headers.items() if columns.has(h)}
    day = next((key.name for key in schema.keys if key.role == "date"), None)
    if day is not None and "paid" not in sources:
        own = binding.keys.get(day) or Source(binding.span, column=day)
        if own.value is None:
            sources["paid"] = own
    formats = Formats(schema, binding, columns, sink)
    found = [
        Known(reading, role, on)
        for role, source in sources.items()
        if (reading := formats.reading(Want(f"known {role}", "date", source, ("known", role)))) is not None
    ]
    return None if formats.failed or columns.failed else found


@dataclass(slots=True)
class _Slots:
    schema: TableSchema
    binding: TableBinding
    formats: Formats
    sink: Sink
    failed: bool = False

    def build(self) -> list[Slot]:
        slots = [self._key(key) for key in self.schema.keys if not self._from_date(key)]
        if self.schema.dated and (source := self.binding.keys.get(FROM)) is not None:
            slots.append(self._slot(Want(FROM, "date", source, ("keys", FROM), KeyColumn(FROM, FROM))))
        slots += [self._column(column) for column in self.schema.columns]
        self._strangers()
        return [slot for slot in slots if slot is not None]

    def _from_date(self, key: KeyColumn) -> bool:
        """Whether the period of an exhibit comes from its `from` dates instead of a column."""
        return key.role == "period" and key.name not in self.binding.keys and FROM in self.binding.keys

    def _key(self, key: KeyColumn) -> Slot | None:
        source = self._source(self.binding.keys, key.name)
        if source is None:
            self._report(
                "unbound-column",
                f"`{self.schema.name}`: key `{key.name}` has no line in the binding",
                self.binding.span,
                f'write `{key.name} = "…"` with the header under `[tables.{self.schema.name}.keys]`',
            )
            return None
        return self._slot(Want(key.name, _KEY_FORMS.get(key.role, "text"), source, ("keys", key.name), key))

    def _column(self, column: ColumnSchema) -> Slot | None:
        form = _form(column)
        source = self._source(self.binding.columns, column.name)
        if source is not None:
            return self._slot(Want(column.name, form, source, ("columns", column.name), None, column))
        if column.missing is not None:
            value = _in_file_units(column.missing, column)
            return Slot(
                column.name, form, "not in this file", value, constant=value, default_of="contract",
                labels=column.labels or (),
            )  # fmt: skip
        self._report(
            "unbound-column",
            f"`{self.schema.name}`: column `{column.name}` has no line in the binding",
            column.span or self.binding.span,
            f'write `{column.name} = "…"` with the header under `[tables.{self.schema.name}.columns]`, or say '
            "`when missing …` in the contract",
        )
        return None

    def _source(self, sources: Mapping[str, Source], name: str) -> Source | None:
        if name in sources:
            return sources[name]
        if self.binding.same_names and self.formats.columns.has(name):
            return Source(self.binding.span, column=name)
        return None

    def _strangers(self) -> None:
        """Lines of the binding that the contract does not know: an error where one may be a misspelt column.

        Otherwise they are allowed, so that one binding serves several contracts.
        """
        keys = {key.name for key in self.schema.keys} | ({FROM} if self.schema.dated else set())
        columns = {column.name for column in self.schema.columns}
        for what, sources, known in (("key", self.binding.keys, keys), ("column", self.binding.columns, columns)):
            unbound = [name for name in known if name not in sources and name != FROM]
            for name, source in sources.items():
                near = get_close_matches(name, unbound, n=1, cutoff=0.6)
                if name not in known and (near or what == "key"):
                    self._report(
                        "binding-unknown-key",
                        f"`{self.schema.name}` has no {what} `{name}`",
                        source.span,
                        f"did you mean `{near[0]}`?" if near else f"it has {listed(sorted(known))}",
                    )

    def _slot(self, want: Want) -> Slot | None:
        reading = self.formats.reading(want)
        if reading is None:
            return None
        labels = want.labels or ()
        absent, default_of = self._absence(want, reading)
        if want.source.value is None:
            return Slot(want.name, want.form, reading.header, absent, want.key, reading, None, default_of, labels)
        value = self._constant(want.source.value, "value", want, reading)
        shown = f"constant {text_of_scalar(want.source.value)}"
        return None if value is None else Slot(want.name, want.form, shown, absent, want.key, None, value, "", labels)

    def _absence(self, want: Want, reading: Reading) -> tuple[Value, str]:
        unknown = Absent(State.MISSING, f"no value in `{self.schema.name}.{want.name}`")
        if want.source.default is not None:
            value = self._constant(want.source.default, "default", want, reading)
            return (unknown, "") if value is None else (value, "binding")
        if want.name == FROM and want.key is not None:
            return dt.date.min, "contract"  # terms without a date are in force from the start
        if want.column is not None and want.column.missing is not None:
            return _in_file_units(want.column.missing, want.column), "contract"
        return unknown, ""

    def _constant(self, value: Scalar, word: str, want: Want, reading: Reading) -> Value | None:
        if isinstance(value, dt.date):
            reading = replace(reading, style="date", formats=("%Y-%m-%d",))
        text = text_of_scalar(value)
        found = read_cell(replace(reading, labels_of_sources=(), absent=(), rounds=False), text)
        if not isinstance(found, Unreadable) and found is not None:
            return found
        reason = found.reason if isinstance(found, Unreadable) else "no value"
        help_ = 'a percentage is written `"0.01%"`' if "percentage" in reason else ""
        place = self.formats.dotted((*want.path, word))
        self._report("cell-unreadable", f"`{place}`: `{text}`: {reason}", want.source.span, help_)
        return None

    def _report(self, code: str, message: str, span: Span | None, help_: str = "") -> None:
        self.failed = True
        self.sink.report(Diagnostic(code, message, span, help=help_))


def _form(column: ColumnSchema) -> Form:
    kind = column.type.kind
    if kind in NUMERIC:
        return "int"
    match kind:
        case Kind.FLAG:
            return "flag"
        case Kind.DATE:
            return "date"
        case Kind.CATEGORY if column.labels is not None:
            return "code"
        case _:
            return "text"


def _in_file_units(value: Value, column: ColumnSchema) -> Value:
    """A value of the contract (base units) in the units in which the file writes the column."""
    return value / column.factor if isinstance(value, Fraction) else value
