"""Reading the cells of a table in DuckDB: the queries of `engines.sql.reading`, run, and their answers as plain data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlglot import exp

from contractlang.engines.base import native_column
from contractlang.engines.duckdb.files import SHOWN, Connection, create, drop, rows
from contractlang.engines.reading import ABSENT, MOST_PLACES, SPACES, UNREADABLE, Form, Raw, Reading, scale
from contractlang.engines.sql import aside, direct, knowing, questions
from contractlang.engines.sql import building as b
from contractlang.engines.sql import reading as stages
from contractlang.engines.sql.knowing import Known
from contractlang.values import Value

Array = npt.NDArray[Any]

KINDS: dict[Form, str] = {
    "int": "BIGINT", "flag": "BOOLEAN", "date": "DATE", "code": "VARCHAR", "text": "VARCHAR", "period": "VARCHAR",
}  # fmt: skip


PLACE_COLUMN = "row place"
"""The column of a member-level view with file and row as one number, see `questions.PLACE`."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Cells of one reading by what became of them."""

    absent: int
    unreadable: int
    outside: int
    rounded: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key that names several rows: its values, the rows, and the first and last place (file, row)."""

    values: tuple[str, ...]
    count: int
    first: tuple[int, int]
    last: tuple[int, int]


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A column of a member-level view: the reading it comes from (None: a constant) and the value that fills gaps.

    `places` is the scale of its integers, which the reading does not exceed.
    """

    name: str
    form: Form
    reading: int | None
    filler: Value | None
    places: int


@dataclass(frozen=True, slots=True)
class CellTable:
    """The typed cells of one table, in the stages of `engines.sql.reading`.

    `wide` names the number readings whose integers may pass 64 bits; `held` says that the stages are in memory; `kept` is
    the condition under which a row of the file is used.
    """

    connection: Connection
    name: str
    readings: tuple[Reading, ...]
    wide: frozenset[str]
    held: bool
    kept: b.E | None = None

    @classmethod
    def of(
        cls,
        connection: Connection,
        name: str,
        readings: Sequence[Reading],
        where: Sequence[tuple[Raw, tuple[str, ...]]],
        *,
        member_level: bool,
        held: bool,
        known: Sequence[Known] = (),
    ) -> CellTable:
        """Read the cells of the relation `raw NAME`: into memory if `held`, else when they are asked for.

        Member-level integers have 64 bits; others may be longer. Numbers without declared decimals get as many as the
        file has.
        """
        kind = "TABLE" if held else "VIEW"
        tests = [test for test in (stages.kept(where), knowing.condition(known)) if test is not None]
        kept = b.both(*tests) if tests else None
        read = _without_exponents(connection, f"raw {name}", readings) if held else list(readings)
        create(
            connection,
            f"numbers {name}",
            stages.numbers(f"raw {name}", read, kept, whole=not held),
            kind=kind,
        )
        if member_level:
            widths = {reading.name: _LONG for reading in read if reading.form == "int"}
        else:
            read, widths = _sized(connection, f"numbers {name}", read)
        create(connection, f"typed {name}", stages.typed(f"numbers {name}", read, widths, whole=not held), kind=kind)
        wide = {reading.name for reading in read if reading.form == "int"} - set(widths)
        return cls(connection, name, tuple(read), frozenset(wide), held, kept)

    def free(self, *, whole: bool) -> None:
        """Free what is not needed once the cells are checked; with `whole`, the typed cells too."""
        if self.held:
            drop(self.connection, self.numbers, kind="TABLE")
            if whole:
                drop(self.connection, self.typed, kind="TABLE")

    @property
    def raw(self) -> str:
        return f"raw {self.name}"

    @property
    def numbers(self) -> str:
        return f"numbers {self.name}"

    @property
    def typed(self) -> str:
        return f"typed {self.name}"

    def raw_rows(self) -> int:
        """The number of rows in the files."""
        return int(rows(self.connection, b.select([b.call("count")], self.raw))[0][0])

    def left_out(
        self, where: Sequence[tuple[Raw, tuple[str, ...]]], known: Sequence[Known]
    ) -> tuple[int, Mapping[str, int]]:
        """How many rows pass `where`, and how many of them are not known, by reason."""
        used, *out = rows(self.connection, knowing.left_out(self.raw, stages.kept(where), known))[0]
        return used, {test.reason: count for test, count in zip(known, out, strict=True) if count}

    def no_dates(self, where: Sequence[tuple[Raw, tuple[str, ...]]], test: Known) -> tuple[int, int, str]:
        """How many cells of a column that must hold dates hold none, with the row and the text of one."""
        count, row, shown = rows(self.connection, knowing.unreadable(self.raw, stages.kept(where), test))[0]
        return count, row or 0, shown or ""

    def counts(self) -> tuple[int, list[Counts]]:
        """The number of rows that are used, and what became of the cells of each reading.

        Columns that the file stores in the right type need no look at single cells: its statistics tell.
        """
        certain = (
            {} if self.held else {i: f for i, r in enumerate(self.readings) if (f := direct.certain(r)) is not None}
        )
        others = [i for i in range(len(self.readings)) if i not in certain]
        found: dict[int, Counts] = {}
        used = 0
        if others or not certain:
            used, *cells = rows(self.connection, questions.counts(self.typed, self.readings, others))[0]
            found = {i: Counts(*cells[4 * n : 4 * n + 4]) for n, i in enumerate(others)}
        if certain:
            used, *cells = rows(self.connection, questions.readable(self.raw, list(certain.values()), self.kept))[0]
            for n, i in enumerate(certain):
                there, good = cells[2 * n : 2 * n + 2]
                found[i] = Counts(used - there, there - good, 0, 0)
        return used, [found[i] for i in range(len(self.readings))]

    def examples(self, index: int, status: int) -> list[tuple[int, int, list[str]]]:
        """File, row and source cells of the first cells of a reading with a status."""
        places = rows(self.connection, questions.places_where(self.typed, _status(index, status), SHOWN))
        query = questions.cells_at(self.raw, self.readings[index], [(f, r) for f, r in places])
        return [(file, row, cells) for file, row, *cells in rows(self.connection, query)] if places else []

    def unreadable_texts(self, index: int) -> list[tuple[str, int, int]]:
        """The different texts of the unreadable cells of a reading, with their number and the first row."""
        query = questions.cells_where(self.raw, self.typed, self.readings[index], _status(index, UNREADABLE))
        names = exp.TableAlias(
            this=exp.to_identifier("found"), columns=[exp.to_identifier(n) for n in ("f", "r", "cell")]
        )
        found = exp.Subquery(this=query, alias=names)
        cell, first = b.column("cell"), b.call("min", b.column("r"))
        grouped = exp.Select(expressions=[cell, b.call("count"), first]).from_(found, copy=False)
        grouped = grouped.group_by(cell, copy=False).order_by(first, cell, copy=False)
        return [(text, count, row) for text, count, row in rows(self.connection, grouped)]

    def absent_texts(self, index: int) -> dict[str, int]:
        """The texts of the cells that mean "no value", with how often each occurs."""
        return dict(rows(self.connection, questions.absent_texts(self.numbers, index)))

    def largest_change(self, index: int) -> Fraction:
        """The largest change that rounding made to a value of a reading."""
        reading = self.readings[index]
        found = rows(self.connection, questions.largest_change(self.numbers, reading, index))
        places = reading.places or 0
        change = max((abs(Fraction(t) - Fraction(int(i), 10**places)) for t, i in found), default=Fraction(0))
        return change / Fraction(10) ** reading.shift

    def duplicates(self, keys: Sequence[int], needed: Collection[int]) -> tuple[int, list[Duplicate]]:
        """How many keys name several rows, and the first of them. Rows without a needed key do not count."""
        if keys and not self._rising(keys):
            hashes, used = rows(self.connection, questions.different(self.typed, keys))[0]
            if hashes == used:
                return 0, []
        elif keys:
            return 0, []
        query = questions.duplicates(self.typed, keys, needed)
        total = rows(self.connection, questions.count_of(query))[0][0]
        found = []
        for *values, count, first, last in rows(self.connection, query.limit(SHOWN, copy=False)) if total else ():
            texts = tuple("" if value is None else str(value) for value in values)
            found.append(Duplicate(texts, count, divmod(first, questions.PLACE), divmod(last, questions.PLACE)))
        return total, found

    def differences(
        self, keys: Sequence[int], needed: Collection[int], others: Mapping[int, str]
    ) -> list[tuple[tuple[str, ...], int]]:
        """For keys that name several rows: the columns in which the rows of a key differ, and how many keys do so."""
        repeats = aside.repeated(self.typed, None, keys, needed, {i: str(i) for i in others})
        found = exp.Select(expressions=[b.column("differs"), b.call("count")])
        found = found.from_(exp.Subquery(this=repeats, alias=b.alias("repeats")), copy=False)
        found = found.group_by(b.column("differs"), copy=False).order_by(b.column("differs"), copy=False)
        return [
            (tuple(others[int(i.strip("`"))] for i in words.split(", ") if i), count)
            for words, count in rows(self.connection, found)
        ]

    def outside(self, index: int, stretches: Sequence[tuple[str, str]]) -> list[tuple[str, int, tuple[int, int]]]:
        """The months of a reading that lie in none of the stretches: month, rows, and the first place, in order.

        Months that the file stores as dates or years are first asked for the least and the greatest, which the
        statistics of the file tell.
        """
        value = b.column(f"v{index}")
        native = None if self.held else direct.native(self.readings[index])
        if native is not None and len(stretches) == 1:
            kind, cell = native
            low, high = rows(self.connection, b.select([b.call("min", cell), b.call("max", cell)], self.raw))[0]
            if low is None or all(
                stretches[0][0] <= direct.text_of(kind, end) <= stretches[0][1] for end in (low, high)
            ):
                return []
        inside = [
            b.both(b.binary(exp.GTE, value, b.text(low)), b.binary(exp.LTE, value, b.text(high)))
            for low, high in stretches
        ]
        query = b.select([value, b.call("count"), b.call("min", aside.place())], self.typed)
        query = query.where(b.both(b.no(b.is_null(value)), *(b.no(test) for test in inside)), copy=False)
        query = query.group_by(value, copy=False).order_by(value, copy=False)
        return [(month, count, divmod(first, questions.PLACE)) for month, count, first in rows(self.connection, query)]

    def _rising(self, keys: Sequence[int]) -> bool:
        """Whether the rows of a file are sorted by these keys, each row by another key."""
        if self.held:
            return False
        cells = []
        for i in keys:
            native = direct.native(self.readings[i])
            cell = native[1] if native is not None else direct.value(self.readings[i], gaps=False)
            if cell is None:
                return False
            cells.append(cell)
        greater, used = rows(self.connection, questions.rising(self.raw, cells, self.kept))[0]
        return bool(greater == used - 1)

    def fetch(self, order: Sequence[int]) -> tuple[Array, Array, list[tuple[Array, Array]]]:
        """All rows, ordered by some readings, then by place: file numbers, row numbers, and values and states per reading.

        Numbers are int64, or objects where that does not reach; flags, dates and codes int64; texts objects. A state is
        0 for a value and 1 for an absent cell, whose value is 0 or ''.
        """
        selected: list[exp.Expr] = [b.column("f"), b.column("r")]
        for i, reading in enumerate(self.readings):
            selected.append(b.named(_number_of(reading, b.column(f"v{i}"), wide=reading.name in self.wide), f"v{i}"))
            selected.append(b.column(f"s{i}"))
        places = [*(b.column(f"v{i}") for i in order), b.column("f"), b.column("r")]
        query = b.select(selected, self.typed).order_by(*places, copy=False)
        found = self.connection.execute(b.sql(query)).fetchnumpy()
        columns = []
        for i, reading in enumerate(self.readings):
            values = found[f"v{i}"]
            if reading.name in self.wide:
                values = _integers(values)
            elif reading.form not in {"text", "period"}:
                values = values.astype(np.int64)
            columns.append((values, np.equal(found[f"s{i}"], ABSENT).astype(np.uint8)))
        return found["f"], found["r"], columns

    def create_view(self, name: str, columns: Sequence[ViewColumn], checked: Sequence[Counts] = ()) -> dict[str, str]:
        """Create a view with the values alone; gaps are filled or NULL.

        `checked` are the counts of all readings: columns without a bad cell are read straight from the file, and texts
        that the file stores as integers or dates get a second column `native NAME`. Gives their kinds by name. The column
        `row place` says which row of which file it is; nothing is paid for it where nobody reads it.
        """
        selected: list[exp.Expr] = []
        natives: dict[str, str] = {}
        good = self._good(checked)
        untrimmed = self._untrimmed(good)
        straight = True
        for column in columns:
            filler = _literal(column.filler, column.form, column.places)
            if column.reading is None:
                value = filler if filler is not None else b.cast(exp.null(), KINDS[column.form])
            else:
                reading, found = self.readings[column.reading], None
                if column.reading in good:
                    gaps = checked[column.reading].absent > 0
                    found = direct.value(reading, gaps=gaps, trimmed=column.reading not in untrimmed)
                    native = direct.native(reading)
                    if native is not None and (filler is None or not gaps):
                        natives[column.name] = native[0]
                        selected.append(b.named(native[1], native_column(column.name)))
                straight = straight and found is not None
                value = b.column(f"v{column.reading}") if found is None else found
                if column.form == "int" and (more := column.places - scale(reading)):
                    value = b.cast(b.binary(exp.Mul, value, 10**more), "BIGINT")
                value = value if filler is None else b.call("coalesce", value, filler)
            selected.append(b.named(value, column.name))
        selected.append(b.named(aside.place(), PLACE_COLUMN))
        query = b.select(selected, self.raw if straight else self.typed)
        if straight and self.kept is not None:
            query = query.where(self.kept, copy=False)
        create(self.connection, name, query, kind="VIEW")
        return natives

    def _good(self, checked: Sequence[Counts]) -> set[int]:
        """Readings of a file that is not held in memory, none of whose cells is bad."""
        if self.held:
            return set()
        return {i for i, counts in enumerate(checked) if not counts.unreadable + counts.outside + counts.rounded}

    def _untrimmed(self, readings: Collection[int]) -> set[int]:
        """Which of these readings have a text with spaces around it."""
        asked = [i for i in sorted(readings) if self.readings[i].sources[0].native == "string"]
        if not asked:
            return set()
        cells = [b.column(self.readings[i].sources[0].name) for i in asked]
        tests = [b.call("bool_or", b.binary(exp.NEQ, cell, b.call("trim", cell, SPACES))) for cell in cells]
        return {i for i, found in zip(asked, rows(self.connection, b.select(tests, self.raw))[0], strict=True) if found}


def _without_exponents(connection: Connection, raw: str, readings: Sequence[Reading]) -> list[Reading]:
    """The readings, without the costly treatment of exponents where no cell has one."""
    numbers = [reading for reading in readings if reading.form == "int"]
    found = rows(connection, questions.exponents(raw, readings))[0] if numbers else ()
    plain = {reading.name for reading, has in zip(numbers, found, strict=True) if not has}
    return [replace(r, exponents=False) if r.name in plain else r for r in readings]


_SHORT = 18
"""Digits that always fit into 64 bits."""

_LONG = 28
"""Digits that are read where the result must fit into 64 bits, and is refused if it does not."""


def _sized(connection: Connection, done: str, readings: list[Reading]) -> tuple[list[Reading], dict[str, int]]:
    """The readings with their decimals settled, and those whose integers fit into 64 bits, with their digits."""
    numbers = [reading for reading in readings if reading.form == "int"]
    if not numbers:
        return readings, {}
    found = rows(connection, questions.sizes(done, readings))[0]
    sized: dict[str, Reading] = {}
    widths = {}
    for reading, most, whole in zip(numbers, found[::2], found[1::2], strict=True):
        places = min(most or 0, MOST_PLACES) if reading.places is None else reading.places
        settled = sized[reading.name] = replace(reading, places=places)
        needed = (whole or 0) + max(places, scale(settled) - reading.shift) + 1  # rounding may carry into one more
        if needed <= _SHORT:
            widths[reading.name] = needed
    return [sized.get(reading.name, reading) for reading in readings], widths


def _status(index: int, status: int) -> b.E:
    return b.binary(exp.EQ, b.column(f"s{index}"), status)


def _number_of(reading: Reading, value: b.E, *, wide: bool) -> b.E:
    """A value as a number that NumPy can hold, or as text."""
    match reading.form:
        case "int":
            return b.call("coalesce", b.cast(value, "VARCHAR"), "0") if wide else b.call("coalesce", value, 0)
        case "flag":
            return b.call("coalesce", b.cast(value, "BIGINT"), 0)
        case "date":
            epoch = b.cast(b.text("1970-01-01"), "DATE")
            return b.call("coalesce", b.call("date_diff", "day", epoch, value), 0)
        case "code":
            labels = exp.Array(expressions=[b.text(label) for label in reading.labels or ()])
            position = b.call("coalesce", b.call("list_position", labels, value), 1)
            return b.binary(exp.Sub, b.cast(position, "BIGINT"), 1)
        case _:
            return b.call("coalesce", value, "")


def _integers(texts: Collection[str]) -> Array:
    values = np.empty(len(texts), dtype=object)
    values[:] = [int(text) for text in texts]
    fits = all(-(2**63) <= value < 2**63 for value in values)
    return values.astype(np.int64) if fits else values


def _literal(value: Value | None, form: Form, places: int) -> b.E | None:
    match value:
        case bool():
            return exp.true() if value else exp.false()
        case Fraction():
            return b.cast(b.number(int(value * 10**places)), "BIGINT")
        case str():
            return b.text(value)
        case dt.date():
            return b.cast(b.text(value.isoformat()), KINDS[form])
        case _:
            return None
