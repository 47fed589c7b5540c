"""The way from a relation of rows to a step that still has one row for each of them, or fewer.

Along the way rows are only given further columns, looked up in others, or left out. So whatever the step computes can be
written as expressions over the columns of the relation at the start, its lookups, and the conditions under which a row
stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from contractlang.plan.relations import Derive, Filter, Join, RowExpr, Step


@dataclass(frozen=True, slots=True)
class Lookup:
    """Columns of another step for each row, matched on expressions; `columns` are (column there, name here)."""

    right: str
    on: tuple[tuple[RowExpr, str], ...]
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Path:
    """From the step `start`: lookups in order, conditions, and the columns that differ from those of the start."""

    start: str
    lookups: tuple[Lookup, ...] = ()
    conditions: tuple[RowExpr, ...] = ()
    columns: Mapping[str, RowExpr] | None = None

    def expression(self, e: RowExpr) -> RowExpr:
        """The expression over the columns of the start and of the lookups."""
        made = self.columns or {}
        if e.op == "column":
            return made.get(str(e.value), e)
        return replace(e, args=tuple(self.expression(arg) for arg in e.args)) if e.args else e

    def column(self, name: str) -> RowExpr:
        return self.expression(RowExpr("column", value=name))


def path_to(name: str, steps: Mapping[str, Step]) -> Path:
    """The longest path that ends at a step."""
    relation = steps[name].relation
    match relation:
        case Derive(source, columns):
            before = path_to(source, steps)
            made = {**(before.columns or {}), **{n: before.expression(e) for n, e in columns}}
            return replace(before, columns=made)
        case Filter(source, condition):
            before = path_to(source, steps)
            return replace(before, conditions=(*before.conditions, before.expression(condition)))
        case Join(left, right, on, columns, True, False, None):
            before = path_to(left, steps)
            # Names of their own: another lookup may add a column of the same name.
            names = {n: f"{name}.{n}" for _, n in columns}
            lookup = Lookup(
                right, tuple((before.column(a), b) for a, b in on), tuple((c, names[n]) for c, n in columns)
            )
            made = {**(before.columns or {}), **{n: RowExpr("column", value=unique) for n, unique in names.items()}}
            return replace(before, lookups=(*before.lookups, lookup), columns=made)
        case _:
            return Path(name)


def plain(e: RowExpr) -> RowExpr:
    """The expression in a form in which equal meanings compare equal: a column is its name, whatever is known of it."""
    if e.op == "column":
        return RowExpr("column", value=e.value)
    return replace(e, args=tuple(plain(arg) for arg in e.args))
