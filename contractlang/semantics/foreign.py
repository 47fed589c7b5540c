"""`use c results as r`: the published values of another contract as a table, keyed by its unit and period."""

from __future__ import annotations

from dataclasses import replace

from contractlang.semantics.model import ColumnSchema, KeyColumn, ResultsOf, TableSchema
from contractlang.semantics.published import PRINCIPAL, Published, places
from contractlang.semantics.scope import Scope
from contractlang.semantics.types import SCALAR, Kind, Type
from contractlang.syntax import ast
from contractlang.values import Absent, State

RESULTS = "results"
"""The kind of such a table."""


def table_name(use: ast.Use) -> str:
    """The name behind `as`, or the last part of the contract's name."""
    return use.alias or use.name.parts[-1]


def results_table(scope: Scope, use: ast.Use, published: Published) -> TableSchema:
    """The schema of the results; each column is called as the value is."""
    keys = (_key(scope, published.unit), KeyColumn(published.period, "period"))
    columns = tuple(c for name, type_ in published.values if (c := _column(scope, name, type_)) is not None)
    source = ResultsOf(published.contract, published.version, published.meanings)
    return TableSchema(
        table_name(use), RESULTS, keys, columns, span=use.span, results=source, year_starts=scope.first_month
    )


def _key(scope: Scope, unit: str) -> KeyColumn:
    if unit == scope.unit:
        return KeyColumn(unit, "unit")
    if unit in scope.levels:
        return KeyColumn(unit, "level")
    if unit in scope.categories:
        return KeyColumn(unit, "category", scope.categories[unit].values)
    return KeyColumn(unit, "open")


def _column(scope: Scope, name: str, type_: Type) -> ColumnSchema | None:
    """A value as a column. What it says where it has none is the strongest state that it can have."""
    labels: tuple[str, ...] | None = None
    if type_.kind is Kind.CATEGORY:
        category = scope.categories.get(type_.scheme or "")
        if category is None:
            return None
        labels = category.values
    decimals = places(type_) - (2 if type_.kind is Kind.PERCENT else 0) if type_.numeric else None
    absent = type_.absent - {State.VALUE}
    state = max(absent) if absent and State.MISSING not in absent else None
    missing = None if state is None else Absent(state, f"{state.words} in the results")
    states = frozenset() if state is None else frozenset({state})
    own = replace(type_, grain=SCALAR, absent=states, literal=False, step=None)
    return ColumnSchema(name, own, decimals=decimals, missing=missing, labels=labels)


def column_named(table: TableSchema, rest: tuple[str, ...]) -> str | None:
    """The column for the words behind the table: a value, or the value that a block stands for."""
    name = ".".join(rest)
    return next((n for n in (name, *(f"{name}.{word}" for word in PRINCIPAL)) if table.column(n) is not None), None)


def strange_key(table: TableSchema) -> str | None:
    """The key by which the table varies and no settled value can; None where there is none."""
    return next((k.name for k in table.keys if k.role == "open"), None)
