"""Typed cells in another order and form: rows that can be used, sorted; the others by place; measures side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
from sqlglot import exp

from contractlang.engines.duckdb.files import Connection, create, rows
from contractlang.engines.duckdb.reading import CellTable
from contractlang.engines.reading import ABSENT, VALUE
from contractlang.engines.sql import building as b

DatabaseError = duckdb.Error
"""What DuckDB raises for files and queries that it cannot handle."""

BATCH = 200_000
WHOLE_NUMBER = "[1-9][0-9]{0,17}"
"""A key that can be held as an integer without losing anything of its text."""


def bounded(connection: Connection, memory: str, folder: Path) -> None:
    """Keep a connection within some memory (`4GB`); what does not fit goes into files of a folder. Nothing is printed."""
    for name, value in (("memory_limit", memory), ("temp_directory", str(folder)), ("enable_progress_bar", "false")):
        setting = exp.SetItem(this=exp.EQ(this=exp.to_identifier(name), expression=b.text(value)))
        connection.execute(b.sql(exp.Set(expressions=[setting])))


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is set aside: its file and row (from 1), the readings that cannot be used, whether its key is doubled."""

    file: int
    row: int
    readings: tuple[int, ...]
    doubled: bool


@dataclass(frozen=True, slots=True)
class Sorted:
    """The rows of a cell table that can be used: every cell read, every key there and naming one row only.

    `keys` are the numbers of the key readings, in the order in which the rows are sorted.
    """

    cells: CellTable
    keys: tuple[int, ...]

    @classmethod
    def of(cls, cells: CellTable, keys: Sequence[int]) -> Sorted:
        found = cls(cells, tuple(keys))
        columns = [b.column(f"v{i}") for i in keys]
        twice = b.binary(exp.GT, b.call("count"), 1)
        query = b.select(columns, cells.typed).where(found._readable(), copy=False)
        create(
            cells.connection,
            found._doubled,
            query.group_by(*columns, copy=False).having(twice, copy=False),
            kind="TABLE",
        )
        return found

    @property
    def _doubled(self) -> str:
        return f"doubled {self.cells.name}"

    def _readable(self) -> b.E:
        keys = [b.binary(exp.EQ, b.column(f"s{i}"), VALUE) for i in self.keys]
        others = [
            b.binary(exp.LTE, b.column(f"s{i}"), ABSENT) for i in range(len(self.cells.readings)) if i not in self.keys
        ]
        return b.both(*keys, *others)

    def _twice(self) -> b.E:
        columns = [b.column(f"v{i}") for i in self.keys]
        query = exp.Subquery(this=b.select(columns, self._doubled))
        return exp.In(this=exp.Tuple(expressions=columns), query=query)

    def _kept(self) -> b.E:
        return b.both(self._readable(), b.no(self._twice()))

    def refused(self) -> Iterator[Refused]:
        """The rows that are set aside, in the order of the files."""
        states = [b.column(f"s{i}") for i in range(len(self.cells.readings))]
        twice = b.both(self._readable(), self._twice())
        query = b.select([b.column("f"), b.column("r"), twice, *states], self.cells.typed)
        query = query.where(b.no(self._kept()), copy=False).order_by(b.column("f"), b.column("r"), copy=False)
        for file, row, doubled, *found in rows(self.cells.connection, query):
            bad = tuple(i for i, state in enumerate(found) if state > ABSENT or (i in self.keys and state != VALUE))
            yield Refused(file, row, bad, bool(doubled))

    def sums(self, readings: Sequence[int], *, kept: bool) -> list[int]:
        """What the readable numbers of the kept, or of the other, rows add up to, as scaled integers."""
        selected: list[exp.Expr] = [b.call("coalesce", b.call("sum", b.column(f"v{i}")), 0) for i in readings]
        test = self._kept() if kept else b.no(self._kept())
        query = b.select([b.call("count"), *selected], self.cells.typed).where(test, copy=False)
        return [int(value) for value in rows(self.cells.connection, query)[0]]

    def whole_numbers(self, reading: int) -> bool:
        """Whether all texts of a key are whole numbers that 64 bits hold."""
        test = b.call("bool_and", b.call("regexp_full_match", b.column(f"v{reading}"), WHOLE_NUMBER))
        query = b.select([test], self.cells.typed).where(self._kept(), copy=False)
        return bool(rows(self.cells.connection, query)[0][0])

    def texts(self, reading: int) -> list[str]:
        """The different values of a text, in order."""
        value = b.column(f"v{reading}")
        query = b.select([value], self.cells.typed).where(self._kept(), copy=False)
        return [text for (text,) in rows(self.cells.connection, query.distinct(copy=False).order_by(value, copy=False))]

    def batches(self, *, integers: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """The kept rows, sorted by key: one column per reading, by its name. `integers` are texts to cast."""
        columns = [b.named(self._cast(i, integers), reading.name) for i, reading in enumerate(self.cells.readings)]
        query = b.select(columns, self.cells.typed).where(self._kept(), copy=False)
        yield from self._read(query.order_by(*(self._cast(i, integers) for i in self.keys), copy=False))

    def wide(
        self,
        measure: int,
        flags: Sequence[tuple[str, Sequence[int]]],
        labels: Sequence[str],
        *,
        integers: Sequence[int],
        bits: bool,
    ) -> Iterator[pa.RecordBatch]:
        """One row per key without the measure. Each of `flags` is a name and the readings that must all say yes; a
        reading counted from its end (`~i`) must not. As flags `NAME_LABEL`, or as one integer of bits per name."""
        keys = [i for i in self.keys if i != measure]
        selected = [b.named(self._cast(i, integers), self.cells.readings[i].name) for i in keys]
        for name, needed in flags:
            met = b.both(*(self._says(i) for i in needed))
            of = [b.both(met, b.binary(exp.EQ, b.column(f"v{measure}"), b.text(label))) for label in labels]
            if bits:
                place = b.when(*((test, b.number(1 << i)) for i, test in enumerate(of)), otherwise=b.number(0))
                selected.append(b.named(b.cast(b.call("sum", b.cast(place, "HUGEINT")), "BIGINT"), f"{name}_bits"))
            else:
                some = [b.call("coalesce", b.call("bool_or", test), exp.false()) for test in of]
                selected += [b.named(any_, f"{name}_{label}") for any_, label in zip(some, labels, strict=True)]
        query = b.select(selected, self.cells.typed).where(self._kept(), copy=False)
        grouped = [self._cast(i, integers) for i in keys]
        yield from self._read(query.group_by(*grouped, copy=False).order_by(*grouped, copy=False))

    def _says(self, reading: int) -> b.E:
        value = b.call("coalesce", b.column(f"v{reading if reading >= 0 else ~reading}"), exp.false())
        return value if reading >= 0 else b.no(value)

    def _cast(self, reading: int, integers: Sequence[int]) -> b.E:
        value = b.column(f"v{reading}")
        return b.cast(value, "BIGINT") if reading in integers else value

    def _read(self, query: exp.Select) -> Iterator[pa.RecordBatch]:
        yield from self.cells.connection.sql(b.sql(query)).to_arrow_reader(BATCH)
