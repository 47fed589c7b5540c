"""Declarations that hold data: inputs, tables of terms, schedules, scales. Checked alone, before any expression.

Each becomes the form that lowering puts into the plan: a `TableSchema`, rows of values, or the pieces of a curve.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Sink
from contractlang.semantics import literals
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.scope import PERIODS, Scope, unknown
from contractlang.semantics.types import SCALAR, UNIT_WORDS, USD, Kind, Type, kind_of_unit
from contractlang.semantics.typing import Problem, common_step, described, unify
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, State, Value


@dataclass(frozen=True, slots=True)
class TermsColumn:
    """One column of a table of terms or a schedule: its type and a value per row."""

    type: Type
    values: tuple[Value, ...]
    spans: tuple[Span, ...]


Pattern = Value | tuple[Value | None, Value | None] | None
"""A key cell: a value, an inclusive range, or None for `otherwise`."""


@dataclass(frozen=True, slots=True)
class TermsTable:
    """A table of terms (or a schedule, whose only column is `value`) with its key types, patterns and columns."""

    name: str
    keys: tuple[str, ...]
    key_types: tuple[Type, ...]
    patterns: tuple[tuple[Pattern, ...], ...]
    columns: dict[str, TermsColumn]
    spans: tuple[Span, ...]


@dataclass(slots=True)
class Declarations:
    """All declarations of a contract by visible name; one that failed is absent here and was reported."""

    inputs: dict[str, TableSchema] = field(default_factory=dict)
    terms: dict[str, TermsTable] = field(default_factory=dict)


def declare(scope: Scope, sink: Sink) -> Declarations:
    """Check and convert every input, exhibit, table of terms and schedule."""
    declared = Declarations()
    for name, item in scope.items.items():
        match item:
            case ast.Input():
                declared.inputs[name] = _input(scope, name, item, sink)
            case ast.Terms():
                if (table := _terms(scope, name, item, sink)) is not None:
                    declared.terms[name] = table
            case ast.Schedule():
                if (table := _schedule(scope, name, item, sink)) is not None:
                    declared.terms[name] = table
            case _:
                pass
    return declared


# Inputs --------------------------------------------------------------------------------------------------------------


def _input(scope: Scope, name: str, item: ast.Input, sink: Sink) -> TableSchema:
    keys = tuple(_key(scope, key) for key in item.keys)
    seen: dict[str, ast.Column] = {}
    columns: list[ColumnSchema] = []
    for column in item.columns:
        if (earlier := seen.get(column.name)) is not None:
            sink.report(
                Diagnostic(
                    "duplicate-name",
                    f"column `{column.name}` is declared twice",
                    column.span,
                    labels=(Label(earlier.span, "declared here first"),),
                    help="remove or rename one of them",
                )
            )
            continue
        seen[column.name] = column
        if (schema := _column(scope, column, sink)) is not None:
            columns.append(schema)
    member_level = any(k.role == "open" for k in keys)
    return TableSchema(name, item.kind, keys, tuple(columns), member_level, item.kind == "exhibit", item.span)


def _key(scope: Scope, key: ast.Name) -> KeyColumn:
    word = key.text
    if word == scope.unit:
        return KeyColumn(word, "unit")
    if word in PERIODS:
        return KeyColumn(word, "period")
    if (category := scope.categories.get(word)) is not None:
        return KeyColumn(word, "category", category.values)
    return KeyColumn(word, "open")


def _column(scope: Scope, column: ast.Column, sink: Sink) -> ColumnSchema | None:
    declared = column_type(scope, column.type, sink)
    if declared is None:
        return None
    type_, factor, labels = declared
    decimals = column.scale
    if decimals is None and type_.unit == USD:
        decimals = 2
    if decimals is not None and type_.numeric:
        places = decimals + (2 if type_.kind is Kind.PERCENT else 0)
        type_ = replace(type_, step=factor / 10**places)
    missing: Value | None = None
    if isinstance(column.missing, ast.NotApplicable):
        missing = Absent(State.NOT_APPLICABLE, column.reason or f"no `{column.name}`")
        type_ = replace(type_, absent=frozenset({State.NOT_APPLICABLE}))
    elif column.missing is not None:
        missing = _cell(scope, column.missing, type_, sink)
        if missing is None:
            return None
        if isinstance(missing, Fraction):
            missing /= factor
    bounds = [None if b is None else _cell(scope, b, type_, sink) for b in (column.low, column.high)]
    low, high = (b if isinstance(b, Fraction) else None for b in bounds)
    if low is not None and high is not None and low > high:
        sink.report(
            Diagnostic(
                "cap-below-floor",
                f"`{column.name}` lies within nothing: the lower bound is above the upper",
                column.span,
                help="swap the two bounds",
            )
        )
    return ColumnSchema(column.name, type_, factor, decimals, missing, low, high, labels, column.span)


def column_type(scope: Scope, written: ast.Type, sink: Sink) -> tuple[Type, Fraction, tuple[str, ...] | None] | None:
    """Type, factor into base units and labels of a declared type; reports an unknown category or unit."""
    if written.category is not None:
        category = scope.categories.get(written.category.text)
        if category is None:
            scope.unknown(written.category, list(scope.categories), "category")
            return None
        return Type(Kind.CATEGORY, scheme=written.category.text), Fraction(1), category.values
    assert written.unit is not None
    if (
        len(written.unit.words) == 1
        and not written.unit.per
        and (kind := literals.KIND_WORDS.get(written.unit.words[0]))
    ):
        return Type(kind), Fraction(1), None
    found = literals.unit_of(written.unit)
    if isinstance(found, str):
        known = [*literals.KIND_WORDS, *UNIT_WORDS, "category in"]
        sink.report(unknown(found, written.unit.span, known, "unit"))
        return None
    unit, factor = found
    return (
        Type(kind_of_unit(unit), unit, shown=literals.shown(written.unit, factor)),
        factor,
        None,
    )


def _cell(scope: Scope, cell: ast.Expr, type_: Type, sink: Sink) -> Value | None:
    """A literal that stands for a value of this type (a default or a bound), or None after a report."""
    found = literal(scope, cell, sink, type_.scheme)
    if found is None:
        return None
    value, given = found
    problem = unify((replace(type_, absent=frozenset()), given), "here stand")
    if isinstance(problem, Problem):
        sink.report(
            Diagnostic(
                problem.code,
                f"this is {described(given)}, but the column holds {described(type_)}",
                cell.span,
                help=problem.help,
            )
        )
        return None
    return value


def literal(scope: Scope, cell: ast.Expr, sink: Sink, scheme: str | None = None) -> tuple[Value, Type] | None:
    """The value and type of a cell that must be a literal; reports and gives None where it is not one."""
    match cell:
        case ast.Number():
            found = literals.number(cell)
            if isinstance(found, str):
                sink.report(unknown(found, cell.span, list(UNIT_WORDS), "unit"))
                return None
            return found
        case ast.Unary(op="-", operand=operand):
            inner = literal(scope, operand, sink, scheme)
            if inner is None or not isinstance(inner[0], Fraction):
                return None
            return -inner[0], inner[1]
        case ast.Flag(value=value):
            return value, Type(Kind.FLAG)
        case ast.Date(value=day):
            return day, Type(Kind.DATE)
        case ast.Text(value=text):
            return text, Type(Kind.CATEGORY, scheme=scheme) if scheme else Type(Kind.TEXT)
        case ast.NotApplicable():
            return Absent(State.NOT_APPLICABLE, ""), Type(
                Kind.NUMBER, literal=True, absent=frozenset({State.NOT_APPLICABLE})
            )
        case ast.Name(parts=(word,)):
            schemes = scope.scheme_of(word)
            if scheme is not None and scheme not in schemes:
                scope.unknown(cell, scope.categories[scheme].values, f"value of category `{scheme}`")
                return None
            if scheme is None and not schemes:
                scope.unknown(cell, [v for c in scope.categories.values() for v in c.values], "category value")
                return None
            return word, Type(Kind.CATEGORY, scheme=scheme or schemes[0])
        case _:
            sink.report(
                Diagnostic(
                    "kind-mismatch",
                    "a literal is needed here",
                    cell.span,
                    help="write a number, yes, no, a date or a category value",
                )
            )
            return None


# Tables of terms -----------------------------------------------------------------------------------------------------


def declare_terms(scope: Scope, name: str, item: ast.Terms, sink: Sink) -> TermsTable | None:
    """A table inside a block: as a table of terms, but it need not have a row for every value of its key."""
    return _terms(scope, name, item, sink, whole=False)


def _terms(scope: Scope, name: str, item: ast.Terms, sink: Sink, *, whole: bool = True) -> TermsTable | None:
    keys = tuple(k.text for k in item.keys)
    if item.header[: len(keys)] != keys:
        sink.report(
            Diagnostic(
                "terms-header",
                f"table `{name}` is keyed by {', '.join(f'`{k}`' for k in keys)}, but its header starts otherwise",
                item.span,
                help=f"start the header with {' | '.join(keys)}",
            )
        )
        return None
    ok = True
    for row in item.rows:
        if len(row.cells) != len(item.header):
            sink.report(
                Diagnostic(
                    "terms-header",
                    f"this row has {len(row.cells)} cells, the header has {len(item.header)}",
                    row.span,
                    help="write `-` where a term does not apply",
                )
            )
            ok = False
    if not ok:
        return None
    schemes = [k if k in scope.categories else None for k in keys]
    patterns = [
        tuple(_pattern(scope, cell, scheme, sink) for cell, scheme in zip(row.cells, schemes, strict=False))
        for row in item.rows
    ]
    if any(p is _BAD for row in patterns for p in row):
        return None
    key_types = tuple(Type(Kind.CATEGORY, scheme=scheme) if scheme else Type(Kind.NUMBER) for scheme in schemes)
    columns: dict[str, TermsColumn] = {}
    for position, header in enumerate(item.header[len(keys) :], len(keys)):
        column = _terms_column(scope, header, [row.cells[position] for row in item.rows], sink)
        if column is None:
            return None
        columns[header] = column
    table = TermsTable(name, keys, key_types, tuple(patterns), columns, tuple(row.span for row in item.rows))
    if whole:
        _cover(scope, table, item, sink)
    return table


_BAD: object = object()


def _pattern(scope: Scope, cell: ast.Expr | ast.Range, scheme: str | None, sink: Sink) -> Pattern:
    match cell:
        case ast.Name(parts=("otherwise",)):
            return None
        case ast.Range(low=low, high=high):
            ends = [None if e is None else literal(scope, e, sink, scheme) for e in (low, high)]
            if any(e is None and w is not None for e, w in zip(ends, (low, high), strict=True)):
                return _BAD  # type: ignore[return-value]
            return (ends[0][0] if ends[0] else None, ends[1][0] if ends[1] else None)
        case _:
            found = literal(scope, cell, sink, scheme)
            return _BAD if found is None else found[0]  # type: ignore[return-value]


def _terms_column(scope: Scope, header: str, cells: list[ast.Expr | ast.Range], sink: Sink) -> TermsColumn | None:
    values: list[Value] = []
    types: list[Type] = []
    schemes: set[str] | None = None
    for cell in cells:
        if isinstance(cell, ast.Name) and len(cell.parts) == 1:
            found_in = set(scope.scheme_of(cell.parts[0]))
            schemes = found_in if schemes is None else schemes & found_in
    scheme = min(schemes) if schemes else None
    for cell in cells:
        if isinstance(cell, ast.Range):
            sink.report(
                Diagnostic(
                    "kind-mismatch", f"a range cannot be a value of `{header}`", cell.span, help="write one value"
                )
            )
            return None
        found = literal(scope, cell, sink, scheme)
        if found is None:
            return None
        value, type_ = found
        if isinstance(value, Absent):
            value = Absent(State.NOT_APPLICABLE, f"`{header}` does not apply")
        else:
            types.append(type_)
        values.append(value)
    absent = frozenset({State.NOT_APPLICABLE}) if any(isinstance(v, Absent) for v in values) else frozenset()
    if not types:
        return TermsColumn(Type(Kind.NUMBER, absent=absent), tuple(values), tuple(c.span for c in cells))
    common = unify(types, f"column `{header}` mixes")
    if isinstance(common, Problem):
        odd = next(
            (c for c, v in zip(cells, values, strict=True) if not isinstance(v, Absent)),
            cells[0],
        )
        for cell, value in zip(cells, values, strict=True):
            if isinstance(value, Absent):
                continue
            found = literal(scope, cell, sink, scheme)  # type: ignore[arg-type]
            if found is not None and isinstance(unify((types[0], found[1]), ""), Problem):
                odd = cell
                break
        sink.report(Diagnostic(common.code, common.message, odd.span, help=common.help))
        return None
    type_ = replace(common, grain=SCALAR, absent=absent, literal=False, step=common_step([t.step for t in types]))
    return TermsColumn(type_, tuple(values), tuple(c.span for c in cells))


def _cover(scope: Scope, table: TermsTable, item: ast.Terms, sink: Sink) -> None:
    """Every value of a closed category needs a row or `otherwise`; a row must not stand twice."""
    seen: dict[tuple[Pattern, ...], Span] = {}
    for pattern, span in zip(table.patterns, table.spans, strict=True):
        if pattern in seen:
            sink.report(
                Diagnostic(
                    "duplicate-key",
                    f"table `{table.name}` has two rows for {_shown(pattern)}",
                    span,
                    labels=(Label(seen[pattern], "the first one"),),
                    help="remove one of the rows",
                )
            )
        seen.setdefault(pattern, span)
    if len(table.keys) != 1 or table.key_types[0].kind is not Kind.CATEGORY:
        return
    stated = {p[0] for p in table.patterns}
    values = scope.categories[table.keys[0]].values
    lacking = [v for v in values if v not in stated]
    if None in stated or not lacking:
        return
    last = item.rows[-1].span
    indent = " " * (last.column - 1)
    cells = " | ".join("-" for _ in item.header[1:])
    sink.report(
        Diagnostic(
            "terms-row-missing",
            f"table `{table.name}` has no row for {', '.join(f'`{v}`' for v in lacking)}",
            item.span if not item.rows else last,
            help="add the rows, or `| otherwise | … |`; `-` says that a term does not apply",
            fixes=(
                Fix(
                    "add the rows",
                    (
                        Edit(
                            Span(last.file, last.end, last.end),
                            "".join(f"\n{indent}| {v} | {cells} |" for v in lacking),
                        ),
                    ),
                ),
            ),
        )
    )


def _shown(pattern: tuple[Pattern, ...]) -> str:
    return ", ".join("`otherwise`" if p is None else f"`{p}`" for p in pattern)


# Schedules -----------------------------------------------------------------------------------------------------------


def _schedule(scope: Scope, name: str, item: ast.Schedule, sink: Sink) -> TermsTable | None:
    patterns: list[tuple[Pattern, ...]] = []
    for entry in item.entries:
        ends: list[Value | None] = []
        for end in (entry.low, entry.high):
            found = None if end is None else literal(scope, end, sink)
            if end is not None and (found is None or not isinstance(found[0], Fraction)):
                return None
            ends.append(found[0] if found else None)
        patterns.append(((ends[0], ends[1]),))
    column = _terms_column(scope, name, [e.value for e in item.entries], sink)
    if column is None:
        return None
    table = TermsTable(
        name,
        (item.key.text,),
        (Type(Kind.NUMBER),),
        tuple(patterns),
        {"value": column},
        tuple(e.span for e in item.entries),
    )
    return table if _ordered(table, item, sink) else None


def _ordered(table: TermsTable, item: ast.Schedule, sink: Sink) -> bool:
    ranges = [p[0] for p in table.patterns]
    for ends, entry in zip(ranges, item.entries, strict=True):
        assert isinstance(ends, tuple)
        low, high = ends
        if low is not None and high is not None and low > high:  # type: ignore[operator]
            sink.report(
                Diagnostic(
                    "schedule-gap",
                    f"`{entry.span.text}` ends before it starts",
                    entry.span,
                    help="write the earlier year first",
                )
            )
            return False
    for i in range(1, len(ranges)):
        before, after = ranges[i - 1], ranges[i]
        assert isinstance(before, tuple)
        assert isinstance(after, tuple)
        if before[1] is None or after[0] is None or after[0] <= before[1]:  # type: ignore[operator]
            sink.report(
                Diagnostic(
                    "schedule-overlap",
                    f"two entries of schedule `{table.name}` cover the same {table.keys[0]}",
                    item.entries[i].span,
                    labels=(Label(item.entries[i - 1].span, "the one before"),),
                    help="entries stand in the order of time and do not overlap",
                )
            )
            return False
        if after[0] > before[1] + 1:  # type: ignore[operator]
            gap = f"{before[1] + 1}" if after[0] == before[1] + 2 else f"{before[1] + 1} to {after[0] - 1}"  # type: ignore[operator]
            sink.report(
                Diagnostic(
                    "schedule-gap",
                    f"schedule `{table.name}` has no value for {gap}",
                    item.entries[i].span,
                    help=f"add an entry for {gap}; `-` says that the term does not apply",
                    fixes=(
                        Fix(
                            f"add `{gap.replace(' to ', '..')}: -`",
                            (
                                Edit(
                                    Span(item.span.file, item.entries[i].span.start, item.entries[i].span.start),
                                    f"{gap.replace(' to ', '..')}: -, ",
                                ),
                            ),
                        ),
                    ),
                )
            )
            return False
    return True


def covers_term(table: TermsTable, item: ast.Schedule, term: tuple[int, int], sink: Sink) -> None:
    """A schedule per year must cover the term (first and last year)."""
    first, last = term if item.key.text != "contract_year" else (1, term[1] - term[0] + 1)
    low, high = table.patterns[0][0], table.patterns[-1][0]
    assert isinstance(low, tuple)
    assert isinstance(high, tuple)
    lacking = []
    edits = []
    start, end = item.entries[0].span, item.entries[-1].span
    if isinstance(low[0], Fraction) and low[0] > first:
        lacking.append(_years(first, int(low[0]) - 1))
        edits.append(Edit(Span(start.file, start.start, start.start), f"{lacking[-1].replace(' to ', '..')}: -, "))
    if isinstance(high[1], Fraction) and high[1] < last:
        lacking.append(_years(int(high[1]) + 1, last))
        edits.append(Edit(Span(end.file, end.end, end.end), f", {lacking[-1].replace(' to ', '..')}: -"))
    if lacking:
        sink.report(
            Diagnostic(
                "schedule-gap",
                f"schedule `{table.name}` does not cover the term: no value for {' and '.join(lacking)}",
                item.span,
                help="add entries for these years, or leave an end open with `..`",
                fixes=(Fix("add entries where the term does not apply", tuple(edits)),),
            )
        )


def _years(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"
