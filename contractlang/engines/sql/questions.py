"""Questions about the cells that were read, as SQLGlot trees over the stages of `engines.sql.reading`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlglot import exp

from contractlang.engines.reading import ABSENT, DIGITS, OUTSIDE, UNREADABLE, Raw, Reading
from contractlang.engines.sql.building import (
    E,
    binary,
    both,
    call,
    cast,
    column,
    either,
    is_null,
    named,
    no,
    number,
    select,
    staged,
    table,
)
from contractlang.engines.sql.written_numbers import decimals, integer, is_changed, places_of, whole_digits


def _may_have_exponent(raw: Raw) -> E:
    return call("contains", call("lower", cast(column(raw.name), "VARCHAR")), "e")


def _quoted(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def places_where(done: str, condition: E, most: int) -> exp.Select:
    """File and row of the first rows that match."""
    query = select([column("f"), column("r")], done).where(condition, copy=False)
    return query.order_by(column("f"), column("r"), copy=False).limit(most, copy=False)


def cells_at(raw: str, reading: Reading, places: Sequence[tuple[int, int]]) -> exp.Select:
    """File, row and the text of each source cell of a reading, for a few rows."""
    texts = [call("coalesce", cast(column(source.name), "VARCHAR"), "") for source in reading.sources]
    tests = [both(binary(exp.EQ, column("f"), f), binary(exp.EQ, column("r"), r)) for f, r in places]
    query = select([column("f"), column("r"), *texts], raw).where(either(*tests), copy=False)
    return query.order_by(column("f"), column("r"), copy=False)


def cells_where(raw: str, done: str, reading: Reading, condition: E) -> exp.Select:
    """File, row and the text of each source cell of a reading, for the rows of `typed` (named `done`) that match."""
    # The stage may carry the cells as well.
    cells = [exp.column(_quoted(source.name), table=_quoted(raw)) for source in reading.sources]
    texts = [call("coalesce", cast(cell, "VARCHAR"), "") for cell in cells]
    rows = select([column("f"), column("r"), *texts], raw)
    rows = rows.join(table(done), using=["f", "r"], copy=False)
    return rows.where(condition, copy=False)


def exponents(raw: str, readings: Sequence[Reading]) -> exp.Select:
    """Per number reading whether any cell may be written with an exponent."""
    tests = [call("bool_or", _may_have_exponent(reading.sources[0])) for reading in readings if reading.form == "int"]
    return select(tests, raw)


def sizes(done: str, readings: Sequence[Reading]) -> exp.Select:
    """Per number reading the most decimals and the most digits before the point, NULL without any number."""
    columns = []
    for i, reading in enumerate(readings):
        if reading.form == "int":
            columns += [call("max", decimals(column(f"n{i}"))), call("max", whole_digits(column(f"n{i}")))]
    return select(columns, done)


def counts(done: str, readings: Sequence[Reading], asked: Sequence[int]) -> exp.Select:
    """The number of rows, and per reading asked the cells that are absent, unreadable, outside their bounds, and rounded."""
    columns: list[E] = [call("count")]
    for i in asked:
        reading, status = readings[i], column(f"s{i}")
        columns += [call("count_if", binary(exp.EQ, status, state)) for state in (ABSENT, UNREADABLE, OUTSIDE)]
        columns.append(call("count_if", column(f"d{i}")) if reading.rounds else number(0))
    return select(columns, done)


def absent_texts(done: str, index: int) -> exp.Select:
    """The texts of the cells that mean "no value", with how often each occurs (over the stage `numbers`)."""
    t = column(f"t{index}")
    query = select([t, call("count")], done).where(column(f"a{index}"), copy=False)
    return query.group_by(t, copy=False).order_by(t, copy=False)


def largest_change(done: str, reading: Reading, index: int) -> exp.Select:
    """Decimal text and scaled integer (of the written number) of the cell that rounding changed most."""
    places, n = places_of(reading), column(f"n{index}")
    scaled = integer(replace(reading, shift=max(reading.shift, -places)), n, DIGITS)
    changed = both(no(column(f"a{index}")), is_changed(reading, n))
    cells = select([named(n, "n"), named(scaled, "v")], done).where(changed, copy=False)
    rounded = binary(exp.Div, cast(column("v"), "DOUBLE"), cast(number(10**places), "DOUBLE"))
    change = call("abs", binary(exp.Sub, cast(column("n"), "DOUBLE", attempt=True), rounded))
    last = select([column("n"), cast(column("v"), "VARCHAR")], "cells").where(no(is_null(column("v"))), copy=False)
    last = last.order_by(exp.Ordered(this=change, desc=True), copy=False).limit(1, copy=False)
    return staged([("cells", cells)], last)


def count_of(query: exp.Select) -> exp.Select:
    """How many rows a query has."""
    return exp.Select(expressions=[call("count")]).from_(exp.Subquery(this=query), copy=False)


def different(done: str, keys: Sequence[int]) -> exp.Select:
    """How many different hashes the keys have, and how many rows there are.

    As many hashes as rows prove that no two rows share a key, at a tenth of the cost of grouping by the keys.
    """
    hashed = call("hash", *(column(f"v{i}") for i in keys))
    return select([exp.Count(this=exp.Distinct(expressions=[hashed])), call("count")], done)


def rising(raw: str, keys: Sequence[E], kept: E | None) -> exp.Select:
    """How many rows have greater keys than the row before, and how many rows there are.

    All but one, and no two rows share a key: files sorted by their keys need no hashes, and next to no memory. A row
    without a key is not greater.
    """
    cells = select([named(key, f"k{i}") for i, key in enumerate(keys)], raw)
    if kept is not None:
        cells = cells.where(kept, copy=False)
    here = [column(f"k{i}") for i in range(len(keys))]
    before = [named(exp.Window(this=call("lag", k)), f"p{i}") for i, k in enumerate(here)]
    greater: E | None = None
    for i in reversed(range(len(keys))):
        more = binary(exp.GT, column(f"k{i}"), column(f"p{i}"))
        same = binary(exp.EQ, column(f"k{i}"), column(f"p{i}"))
        greater = more if greater is None else either(more, both(same, exp.Paren(this=greater)))
    pairs = select([*here, *before], "cells")
    return staged(
        [("cells", cells), ("pairs", pairs)], select([call("count_if", greater or exp.false()), call("count")], "pairs")
    )


def readable(raw: str, cells: Sequence[tuple[E, E | None]], kept: E | None) -> exp.Select:
    """The number of rows, and per cell how many have a value and how many of these pass the test (None: all do)."""
    columns: list[E] = [call("count")]
    for cell, test in cells:
        columns += [call("count", cell), call("count", cell) if test is None else call("count_if", test)]
    query = select(columns, raw)
    return query if kept is None else query.where(kept, copy=False)


def duplicates(done: str, keys: Sequence[int], needed: Collection[int]) -> exp.Select:
    """Keys that occur more than once: their values, how often, and the first and last place (file * 2**40 + row).

    Rows that lack a needed key are left out: they are reported as such.
    """
    values = [column(f"v{i}") for i in keys]
    place = binary(exp.Add, binary(exp.Mul, cast(column("f"), "BIGINT"), PLACE), column("r"))
    again = binary(exp.GT, call("count"), 1)
    query = select([*values, call("count"), call("min", place), call("max", place)], done)
    present = both(*(no(is_null(column(f"v{i}"))) for i in needed)) if needed else exp.true()
    query = query.where(present, copy=False)
    query = query.group_by(*values, copy=False) if values else query
    return query.having(again, copy=False).order_by(call("min", place), copy=False)


PLACE = 2**40
"""Rows that a file may have at most, as a factor that makes one number of file and row."""
