"""Amounts that the other party states in the same file: any column, read by its header with the keys of the binding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from contractlang.diagnostics.diagnostic import Sink
from contractlang.engines.base import Column, Table, exact
from contractlang.engines.duckdb.files import connect
from contractlang.runtime.asked import Asked
from contractlang.runtime.binding import Binding, Source, TableBinding
from contractlang.runtime.bound_arrays import settlement_table
from contractlang.runtime.bound_table import bind_table
from contractlang.runtime.dataset import binding_of, table_paths
from contractlang.semantics.model import ColumnSchema, TableSchema
from contractlang.semantics.types import PMPM, Kind, Type
from contractlang.values import Absent, State

_NOTHING = Absent(State.NOT_APPLICABLE, "not stated")
_STATED, _LESS = "stated", "less"


def read_stated(
    schema: TableSchema, binding: Binding, overrides: Mapping[str, Path], column: str, sink: Sink
) -> dict[tuple[str, ...], Fraction | Absent] | None:
    """The numbers of a column of the table's file, by key in the order of the table's keys.

    `column` is a name under `[tables.NAME.stated]`, else a header of the file. Money, plain numbers and percentages with
    their sign are understood; another way of writing is said under `stated`. A cell without a value is not applicable.
    None after a report.
    """
    table = binding_of(schema, binding, sink)
    paths = [] if table is None else table_paths(table, binding, overrides, sink)
    if table is None or not paths:
        return None
    stated = _stated_source(table, column)
    sources = {_STATED: stated}
    if stated.less is not None:
        sources[_LESS] = replace(stated, column=stated.less, less=None)
    columns = tuple(ColumnSchema(name, _type(source), missing=_NOTHING) for name, source in sources.items())
    wanted = TableSchema(schema.name, schema.kind, schema.keys, columns, dated=schema.dated, span=schema.span)
    with connect() as connection:
        rows = Sink()
        own = replace(table, columns=sources, stated={})
        bound = bind_table(connection, wanted, own, paths, sink, asked=Asked(rows))
        sink.extend(rows)
        if bound is None or rows.failed:
            return None
        result, _ = settlement_table(bound)
    keys = zip(*(_texts(result.keys[key.name]) for key in schema.keys if key.name in result.keys), strict=True)
    return {key: _amount(result, row) for row, key in enumerate(keys)}


def _stated_source(table: TableBinding, column: str) -> Source:
    if column in table.stated:
        return table.stated[column]
    folded = {name.casefold(): source for name, source in table.stated.items()}
    if table.ignore_case and column.casefold() in folded:
        return folded[column.casefold()]
    return Source(table.span, column=column)


def _type(source: Source) -> Type:
    """A type that admits what the column may hold: `$` unless the binding says that it is a rate, any decimals."""
    rate = source.form in {"percent", "fraction", "per_mille", "basis_points"}
    return Type(Kind.NUMBER) if rate else Type(Kind.MONEY, PMPM)


def _texts(column: Column) -> list[str]:
    if column.form == "code":
        return [column.labels[int(code)] for code in column.values]
    return [str(value) for value in column.values]


def _amount(table: Table, row: int) -> Fraction | Absent:
    value = exact(table.columns[_STATED], row)
    if _LESS not in table.columns:
        return _fraction(value)
    less = exact(table.columns[_LESS], row)
    if isinstance(value, Absent) and isinstance(less, Absent):
        return value
    taken = abs(less) if isinstance(less, Fraction) else Fraction(0)
    return (value if isinstance(value, Fraction) else Fraction(0)) - taken


def _fraction(value: object) -> Fraction | Absent:
    if isinstance(value, Fraction | Absent):
        return value
    raise TypeError(f"a stated amount is a number, not {value!r}")
