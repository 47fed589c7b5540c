"""Inputs, exhibits and typed tables: keys and columns as the binding must deliver them."""

from __future__ import annotations

import difflib
from dataclasses import replace
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Fix, Label, Sink
from contractlang.semantics import literals
from contractlang.semantics.cells import fitting
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.scope import PERIODS, Scope, unknown
from contractlang.semantics.types import EVENT, MEMBER, MEMBER_MONTH, SCALAR, UNIT_WORDS, USD, Kind, Type, kind_of_unit
from contractlang.syntax import ast
from contractlang.values import Absent, State, Value

FROM = "from"
"""The key that holds the day from which a row is in force."""

WHOLE = frozenset({MEMBER, EVENT})
"""Units that are counted one by one: a column of them holds whole numbers unless it states decimals."""


def input_schema(scope: Scope, name: str, item: ast.Input, sink: Sink) -> tuple[TableSchema, set[str]]:
    """The schema of a declared table, and the columns that were reported and are not in it."""
    keys: dict[str, KeyColumn] = {}
    for key in item.keys:
        if key.text in keys:
            sink.report(
                Diagnostic(
                    "duplicate-name",
                    f"`{name}` has the key `{key.text}` twice",
                    key.span,
                    help="leave one of the two out",
                    fixes=(edits.without(key.span, "leave it out"),),
                )
            )
        keys.setdefault(key.text, _key(scope, item, key, sink))
    seen: dict[str, ast.Column] = {}
    columns: list[ColumnSchema] = []
    broken: set[str] = set()
    for column in item.columns:
        if (earlier := seen.get(column.name)) is not None:
            other = f"{column.name}_2"
            place = edits.word_in(column.span, column.name)
            sink.report(
                Diagnostic(
                    "duplicate-name",
                    f"column `{column.name}` is declared twice",
                    column.span,
                    labels=(Label(earlier.span, "declared here first"),),
                    help="remove or rename one of them",
                    fixes=(
                        edits.without(column.span, "remove the second one")
                        if column == earlier
                        else edits.instead(place, other, f"call the second one `{other}`"),
                    ),
                )
            )
            continue
        seen[column.name] = column
        if (schema := _column(scope, column, sink)) is not None:
            columns.append(schema)
        else:
            broken.add(column.name)
    member_level = any(k.role in ("open", FROM) for k in keys.values())
    dated = item.kind == "exhibit" and not member_level
    table = TableSchema(
        name,
        item.kind,
        tuple(keys.values()),
        tuple(columns),
        member_level,
        dated,
        item.span,
        year_starts=scope.first_month,
    )
    return table, broken


def _key(scope: Scope, item: ast.Input, key: ast.Name, sink: Sink) -> KeyColumn:
    word = key.text
    if word == scope.unit:
        return KeyColumn(word, "unit")
    if word == FROM:
        return KeyColumn(word, FROM)
    if word in PERIODS:
        return KeyColumn(word, "period")
    if scope.level_key(item, word):
        return KeyColumn(word, "level")
    if (category := scope.category(key)) is not None:
        return KeyColumn(category, "category", scope.categories[category].values)
    near = difflib.get_close_matches(word, [scope.unit, *PERIODS, *scope.categories], 1, 0.75)
    if near and near[0] not in {k.text for k in item.keys} and word not in scope.unread and not scope.blind:
        sink.report(unknown(word, key.span, near, "key"))
    return KeyColumn(word, "open")


def _column(scope: Scope, column: ast.Column, sink: Sink) -> ColumnSchema | None:
    declared = column_type(scope, column.type, sink)
    if declared is None:
        return None
    type_, factor, labels = declared
    decimals = column.scale
    if decimals is None and type_.unit == USD:
        decimals = 2
    if decimals is None and type_.unit in WHOLE and factor == 1:
        decimals = 0
    if decimals is not None and type_.numeric:
        places = decimals + (2 if type_.kind is Kind.PERCENT else 0)
        type_ = replace(type_, step=factor / 10**places)
    missing: Value | None = None
    where = f"column `{column.name}` holds"
    if isinstance(column.missing, ast.NotApplicable):
        missing = Absent(State.NOT_APPLICABLE, column.reason or f"no `{column.name}`")
        type_ = replace(type_, absent=frozenset({State.NOT_APPLICABLE}))
    elif column.missing is not None:
        missing = fitting(scope, column.missing, type_, sink, where)
        if missing is None:
            return None
    bounds = [None if b is None else fitting(scope, b, type_, sink, where) for b in (column.low, column.high)]
    low, high = (b if isinstance(b, Fraction) else None for b in bounds)
    if low is None and type_.unit == MEMBER_MONTH:
        low = Fraction(0)  # time that nobody was a member is no time; who books reversals says `within`
    if low is not None and high is not None and low > high:
        _bounds_swapped(column, sink)
        return None
    return ColumnSchema(column.name, type_, factor, decimals, missing, low, high, labels, column.span)


def _bounds_swapped(column: ast.Column, sink: Sink) -> None:
    assert column.low is not None
    assert column.high is not None
    low, high = column.low.span, column.high.span
    swap = (edits.instead(low, high.text).edits[0], edits.instead(high, low.text).edits[0])
    sink.report(
        Diagnostic(
            "cap-below-floor",
            f"the lower bound of `{column.name}` lies above the upper one",
            low.to(high),
            help="write the smaller bound first",
            fixes=(Fix("swap the two bounds", swap),),
        )
    )


def column_type(scope: Scope, written: ast.Type, sink: Sink) -> tuple[Type, Fraction, tuple[str, ...] | None] | None:
    """Type, factor into base units and labels of a declared type; reports an unknown category or unit."""
    if written.category is not None:
        category = scope.category(written.category)
        if category is None:
            scope.unknown(written.category, list(scope.categories), "category")
            return None
        return Type(Kind.CATEGORY, scheme=category), Fraction(1), scope.categories[category].values
    assert written.unit is not None
    words = written.unit.words
    if len(words) == 1 and not written.unit.per and (kind := literals.KIND_WORDS.get(words[0])):
        return Type(kind), Fraction(1), None
    found = literals.unit_of(written.unit)
    if isinstance(found, str):
        if found in scope.categories:
            place = edits.instead(written.unit.span, f"category in {found}")
            sink.report(
                Diagnostic(
                    "unknown-name",
                    f"`{found}` is a category, not a unit",
                    written.unit.span,
                    help=f"write `category in {found}`",
                    fixes=(place,),
                )
            )
            return None
        known = [*literals.KIND_WORDS, *UNIT_WORDS]
        sink.report(unknown(found, edits.word_in(written.unit.span, found), known, "unit"))
        return None
    unit, factor = found
    type_ = Type(kind_of_unit(unit), unit, SCALAR, shown=literals.shown(written.unit, factor))
    return type_, factor, None
