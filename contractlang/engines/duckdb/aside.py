"""Rows of a file that cannot be used, found and taken out of what the engines read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sqlglot import exp

from contractlang.engines.duckdb.files import SHOWN, Parts, create, rows
from contractlang.engines.duckdb.reading import CellTable
from contractlang.engines.reading import ABSENT, OUTSIDE, UNREADABLE, scale
from contractlang.engines.sql import aside as sql
from contractlang.engines.sql import building as b
from contractlang.engines.sql import questions

STATES = {"absent": ABSENT, "unreadable": UNREADABLE, "outside": OUTSIDE}


@dataclass(frozen=True, slots=True)
class Failed:
    """Cells of a reading in a state in which their rows cannot be used, and the words for it."""

    reading: int
    state: str  # absent, unreadable, outside
    words: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The readings that make up the key of a table, those that no row may lack, and the other columns by reading."""

    readings: Sequence[int]
    needed: Collection[int]
    others: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Worth:
    """Rows with one reason: how many, the first (file, row), and per reading asked the sum and the cells without value.

    Sums are in the units of the file.
    """

    reason: str
    rows: int
    places: Sequence[tuple[int, int]]
    sums: Mapping[int, Fraction]
    lacking: Mapping[int, int]


def find(
    cells: CellTable, failed: Sequence[Failed], keys: Keys | None, money: Sequence[int], months: int | None
) -> list[Worth]:
    """The rows that cannot be used, with what they are worth, by reason; first come the tests, then the keys.

    The rows are remembered in the connection for `remove`.
    """
    tests = [(b.binary(exp.EQ, b.column(f"s{t.reading}"), STATES[t.state]), t.words) for t in failed]
    connection, name = cells.connection, cells.name
    first, all_of_them = f"unusable {name}", _aside(name)
    create(connection, first, sql.unusable(cells.typed, tests), kind="TABLE")
    found = b.select([b.column("p"), b.column("why")], first)
    tree: exp.Expr = found
    if keys is not None and keys.readings:
        repeats = f"repeated {name}"
        create(
            connection,
            repeats,
            sql.repeated(cells.typed, first, keys.readings, keys.needed, keys.others),
            kind="TABLE",
        )
        again = sql.repetitions(cells.typed, first, repeats, keys.readings)
        tree = exp.union(found, again, distinct=False, copy=False)
    create(connection, all_of_them, tree, kind="TABLE")
    asked = [*money, *([] if months is None else [months])]
    worth = []
    for why, count, *sums in rows(connection, sql.worth(cells.typed, all_of_them, money, months)):
        places = [divmod(p, questions.PLACE) for (p,) in rows(connection, sql.places(all_of_them, why, SHOWN))]
        amounts = {i: Fraction(int(sums[2 * n]), 10 ** scale(cells.readings[i])) for n, i in enumerate(asked)}
        lacking = {i: int(sums[2 * n + 1]) for n, i in enumerate(asked)}
        worth.append(Worth(why, count, places, amounts, lacking))
    return worth


def remove(cells: CellTable, parts: Parts) -> None:
    """Take the rows that `find` found out of everything that is read from the table."""
    if cells.held:
        for stage in (cells.numbers, cells.typed):
            cells.connection.execute(b.sql(sql.removed(stage, _aside(cells.name))))
    else:
        parts.finish(sql.among(_aside(cells.name)))


def _aside(name: str) -> str:
    return f"aside {name}"
