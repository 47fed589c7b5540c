"""The reduce stage by the reference engine: rows as dictionaries, one function per relation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never, cast

from contractlang.engines.base import MemberTable, Reduced
from contractlang.engines.outputs import collect
from contractlang.engines.reference.rows import Row, evaluate
from contractlang.plan.nodes import Plan
from contractlang.plan.relations import Derive, Filter, Group, Join, Measure, Reduction, Scan, Union

Rows = Sequence[Row]


def reduce(plan: Plan, members: Mapping[str, MemberTable]) -> Reduced:
    """The outputs and accounts of the plan's reduction."""
    return reduce_rows(plan, {name: _rows(table) for name, table in members.items()})


def reduce_rows(plan: Plan, tables: Mapping[str, Rows]) -> Reduced:
    """The same from rows in memory."""
    relations = steps(plan.reduction, tables)

    def fetch(step: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        return [tuple(row[column] for column in columns) for row in relations[step]]

    return collect(plan, fetch)


def steps(reduction: Reduction, tables: Mapping[str, Rows]) -> dict[str, Rows]:
    """The rows of every step."""
    found: dict[str, Rows] = {}
    for step in reduction.steps:
        match step.relation:
            case Scan(table, columns):
                found[step.name] = [{column: row[column] for column in columns} for row in tables[table]]
            case Derive(source, columns):
                found[step.name] = [dict(r) | {name: evaluate(e, r) for name, e in columns} for r in found[source]]
            case Filter(source, condition):
                found[step.name] = [row for row in found[source] if evaluate(condition, row) is True]
            case Group() as group:
                found[step.name] = _group(group, found[group.input])
            case Join() as join:
                found[step.name] = _join(join, found[join.left_input], found[join.right_input])
            case Union(inputs):
                found[step.name] = [row for name in inputs for row in found[name]]
            case _:
                assert_never(step.relation)
    return found


def _rows(table: MemberTable) -> Rows:
    names = list(table.columns)
    fetched = cast(Any, table.connection).view(table.view).select(*(f'"{name}"' for name in names)).fetchall()
    return [dict(zip(names, row, strict=True)) for row in fetched]


def _group(group: Group, rows: Rows) -> Rows:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in group.keys), []).append(row)
    return [
        dict(zip(group.keys, key, strict=True)) | {m.name: _measure(m, members) for m in group.measures}
        for key, members in groups.items()
    ]


def _measure(measure: Measure, rows: Rows) -> Any:
    if measure.operand is None:
        return len(rows)
    values = [evaluate(measure.operand, row) for row in rows]
    if measure.by is not None:
        order = [evaluate(measure.by, row) for row in rows]
        return None if None in order else values[order.index(max(order))]
    if measure.function == "count":
        return len(values)
    if None in values:
        return None
    return _combine(measure.function, values)


def _combine(function: str, values: Iterable[Any]) -> Any:
    match function:
        case "sum":
            return sum(values)
        case "count_distinct":
            return len(set(values))
        case "min":
            return min(values)
        case "max":
            return max(values)
        case _:
            raise ValueError(f"no measure `{function}`")


def _join(join: Join, left: Rows, right: Rows) -> Rows:
    """Missing keys meet nothing."""
    index: dict[tuple[Any, ...], list[Row]] = {}
    for row in right:
        index.setdefault(tuple(row[name] for _, name in join.on), []).append(row)
    found = []
    for row in left:
        key = tuple(row[name] for name, _ in join.on)
        others = [other for other in index.get(key, ()) if None not in key and _meets(join, row, other)]
        met = others if join.many else others[-1:]
        found += [dict(row) | {name: other[column] for column, name in join.columns} for other in met]
        if join.left and not others:
            found.append(dict(row) | {name: None for _, name in join.columns})
    return found


def _meets(join: Join, left: Row, right: Row) -> bool:
    """Whether the date of a left row lies within those of a right one."""
    if join.within is None:
        return True
    day, first, end = left[join.within[0]], right[join.within[1]], right[join.within[2]]
    return day is not None and first is not None and first <= day and (end is None or day < end)
