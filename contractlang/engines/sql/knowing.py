"""Which rows of a file are known on a day, as conditions over its cells.

`from` and `to` hold the days from which a row is known and on which another one takes its place; `paid` holds the day on
which it was paid. Without a day, the rows count that nothing has replaced.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from contractlang.engines.reading import Reading
from contractlang.engines.sql import reading as stages
from contractlang.engines.sql.building import E, binary, both, call, cast, either, is_null, no, select, text

WORDS = {
    "from": ("not known on {on}", ""),
    "to": ("replaced by {on}", "replaced"),
    "paid": ("not paid by {on}", ""),
}
"""Why a row is left out: on a day, and without one ("": for no such reason)."""


@dataclass(frozen=True, slots=True)
class Known:
    """A column that says when rows are known (`from`, `to`, `paid`), and the day on which they are looked at."""

    reading: Reading
    role: str
    on: dt.date | None

    @property
    def reason(self) -> str:
        """What is said of rows left out; "" where none are."""
        given, newest = WORDS[self.role]
        return newest if self.on is None else given.format(on=self.on)


def condition(tests: Sequence[Known]) -> E | None:
    """True for the rows that are known (None: all are)."""
    found = [_passes(test) for test in tests if test.reason]
    return both(*found) if found else None


def left_out(raw: str, where: E | None, tests: Sequence[Known]) -> exp.Select:
    """The number of rows that pass `where`, then those that each test leaves out, by the first test that does."""
    passing = [] if where is None else [where]
    columns = [_count(passing)]
    for test in tests:
        columns.append(_count([*passing, no(call("coalesce", _passes(test), exp.false()))]))
        passing = [*passing, _passes(test)]
    return select(columns, raw)


def unreadable(raw: str, where: E | None, test: Known) -> exp.Select:
    """The number of cells that hold no date, the first row that has one, and its text."""
    cell = stages.text_of(test.reading.sources[0])
    bad = both(no(stages.absent(test.reading, cell)), is_null(stages.day(test.reading, cell)))
    bad = bad if where is None else both(where, bad)
    row = call("min", exp.Case(ifs=[exp.If(this=bad, true=exp.column("r"))]))
    shown = call("min", exp.Case(ifs=[exp.If(this=bad, true=cell)]))
    return select([_count([bad]), row, shown], raw)


def _count(conditions: Sequence[E]) -> E:
    return call("count_if", both(*conditions)) if conditions else call("count")


def _passes(test: Known) -> E:
    cell = stages.text_of(test.reading.sources[0])
    empty, day = stages.absent(test.reading, cell), stages.day(test.reading, cell)
    if test.on is None:
        return empty if test.role == "to" else exp.true()
    on = cast(text(test.on.isoformat()), "DATE")
    match test.role:
        case "from":
            return either(empty, binary(exp.LTE, day, on))
        case "to":
            return either(empty, binary(exp.GT, day, on))
        case _:
            return both(no(empty), binary(exp.LTE, day, on))
