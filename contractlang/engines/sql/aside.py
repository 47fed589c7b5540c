"""Rows that cannot be used, as SQLGlot trees over the stage `typed` of `engines.sql.reading`.

A row of the relations made here is a place `p` (file * 2**40 + row, see `questions.PLACE`) and the reason `why`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlglot import exp

from contractlang.engines.reading import VALUE
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
    select,
    table,
    text,
    when,
)
from contractlang.engines.sql.questions import PLACE

REPEATED = "the same as another row"
"""Why a row is set aside that says again what another row says."""


def place() -> E:
    """File and row as one number."""
    return binary(exp.Add, binary(exp.Mul, cast(column("f"), "BIGINT"), PLACE), column("r"))


def among(aside: str) -> E:
    """Whether the row is one of those of a relation."""
    return exp.In(this=exp.Paren(this=place()), query=exp.Subquery(this=select([column("p")], aside)))


def unusable(typed: str, tests: Sequence[tuple[E, str]]) -> exp.Select:
    """The rows that fail a test, with the words of the first that they fail."""
    why = when(*((test, text(words)) for test, words in tests)) if tests else text("")
    found = select([named(place(), "p"), named(why, "why")], typed)
    return found.where(either(*(test for test, _ in tests)) if tests else exp.false(), copy=False)


def repeated(
    typed: str, aside: str | None, keys: Sequence[int], needed: Collection[int], others: Mapping[int, str]
) -> exp.Select:
    """Keys that name several of the rows that are left: `k0` …, the first place, and the names of columns that differ."""
    differing = [when((_differs(column(f"v{i}")), text(f"`{name}`"))) for i, name in others.items()]
    cells = [named(column(f"v{i}"), f"k{i}") for i in keys]
    first = named(call("min", place()), "first")
    words = named(call("concat_ws", ", ", *differing) if differing else text(""), "differs")
    found = select([*cells, first, words], typed)
    present = [no(is_null(column(f"v{i}"))) for i in needed]
    left = [] if aside is None else [no(among(aside))]
    if left or present:
        found = found.where(both(*left, *present), copy=False)
    found = found.group_by(*(column(f"v{i}") for i in keys), copy=False)
    return found.having(binary(exp.GT, call("count"), 1), copy=False)


def _differs(cell: E) -> E:
    """Whether the rows of a group do not all have the same value, or lack it alike."""
    values = exp.NullSafeNEQ(this=call("min", cell), expression=call("max", cell))
    return either(
        values, both(binary(exp.GT, call("count", cell), 0), binary(exp.LT, call("count", cell), call("count")))
    )


def repetitions(typed: str, aside: str, repeats: str, keys: Sequence[int]) -> exp.Select:
    """The rows of repeated keys that cannot be used: all but the first where they say the same, else all of them."""
    same = binary(exp.EQ, column("differs"), text(""))
    why = when(
        (same, text(REPEATED)), otherwise=call("concat", "the same key as another row, other ", column("differs"))
    )
    on = both(*(exp.NullSafeEQ(this=column(f"v{i}"), expression=column(f"k{i}")) for i in keys))
    found = select([named(place(), "p"), named(why, "why")], typed).join(table(repeats), on=on, copy=False)
    again = binary(exp.NEQ, place(), column("first"))
    return found.where(both(no(among(aside)), either(no(same), again)), copy=False)


def worth(typed: str, aside: str, money: Sequence[int], months: int | None) -> exp.Select:
    """Per reason, in the order of the rows: the rows, the sums of readings and how many of them have no value."""
    sums: list[E] = []
    for i in [*money, *([] if months is None else [months])]:
        fine = binary(exp.EQ, column(f"s{i}"), VALUE)
        sums.append(call("coalesce", call("sum", when((fine, cast(column(f"v{i}"), "HUGEINT")))), 0))
        sums.append(call("count_if", no(fine)))
    rows = select([column("why"), call("count"), *sums], typed)
    rows = rows.join(table(aside), on=binary(exp.EQ, place(), column("p")), copy=False)
    return rows.group_by(column("why"), copy=False).order_by(call("min", column("p")), copy=False)


def places(aside: str, why: str, most: int) -> exp.Select:
    """The first rows of a reason."""
    found = select([column("p")], aside).where(binary(exp.EQ, column("why"), text(why)), copy=False)
    return found.order_by(column("p"), copy=False).limit(most, copy=False)


def removed(stage: str, aside: str) -> exp.Delete:
    """Take the rows out of a stage that is held in memory."""
    return exp.Delete(this=table(stage), where=exp.Where(this=among(aside)))
