"""Expressions over one member row: exact scaled integers, so only what stays exact without division or rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from contractlang.plan.lowering import codes
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.plan.relations import RowExpr
from contractlang.semantics import typing
from contractlang.semantics.cells import literal
from contractlang.semantics.foreign import column_named
from contractlang.semantics.model import ColumnSchema, TableSchema
from contractlang.semantics.types import EVENT, MEMBER_MONTH, Kind, Type
from contractlang.semantics.typing import Problem, described
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, Value

MOST_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class Row:
    """A row expression with its language type."""

    expr: RowExpr
    type: Type


def lower_row(low: Lowering, table: TableSchema, e: ast.Expr, wanted: Type | None = None) -> Row | None:
    """The row expression, or None after a report. With `wanted` FLAG, anything but a condition is an error."""
    found = _row(low, table, e)
    if found is not None and wanted is FLAG and found.type.kind is not Kind.FLAG:
        low.error(
            "kind-mismatch",
            f"a condition is needed, here is {described(found.type)}",
            e.span,
            "compare it with something, such as `> 0`",
        )
        return None
    return found


def _row(low: Lowering, table: TableSchema, e: ast.Expr) -> Row | None:
    match e:
        case ast.Name():
            return _name(low, table, e)
        case ast.Number() | ast.Text() | ast.Flag() | ast.Date():
            return _literal(low, e)
        case ast.Unary(op="not", operand=operand):
            inner = lower_row(low, table, operand, FLAG)
            return None if inner is None else Row(RowExpr("not", (inner.expr,), kind="flag", origin=e.span), FLAG)
        case ast.Unary(operand=operand):
            inner = _row(low, table, operand)
            return (
                None
                if inner is None
                else Row(RowExpr("negate", (inner.expr,), scale=inner.expr.scale, origin=e.span), inner.type)
            )
        case ast.Binary(op=("and" | "or") as op, left=left, right=right):
            sides = [lower_row(low, table, side, FLAG) for side in (left, right)]
            if any(s is None for s in sides):
                return None
            return Row(RowExpr(op, tuple(s.expr for s in sides if s), kind="flag", origin=e.span), FLAG)
        case ast.Binary(op=("is" | "is not" | "<" | "<=" | ">" | ">=") as op, left=left, right=right):
            return _compare(low, table, op, left, right, e.span)
        case ast.Binary(op=("+" | "-" | "*") as op, left=left, right=right):
            return _arithmetic(low, table, op, left, right, e.span)
        case ast.Membership():
            return _membership(low, table, e)
        case ast.StateTest(state="missing", operand=operand, negated=negated):
            inner = _row(low, table, operand)
            if inner is None:
                return None
            test = RowExpr("missing", (inner.expr,), kind="flag", origin=e.span)
            return Row(RowExpr("not", (test,), kind="flag") if negated else test, FLAG)
        case ast.Else(missing=True, operand=operand, fallback=fallback):
            return _if_missing(low, table, operand, fallback, e.span)
        case ast.Call(function=function, arguments=arguments) if function.text in ("min", "max"):
            return _extreme(low, table, function.text, arguments, e.span)
        case _:
            low.error(
                "unsupported",
                f"`{' '.join(e.span.text.split())}` cannot be computed for a single row",
                e.span,
                "rows know names, literals, `+ - *`, comparisons, `in`, `and`, `or`, `not`, `min`, `max` and `is missing`; divide after adding up",
            )
            return None


def lookup_column(table: str, column: str) -> str:
    """The reduce column that holds a column of a small table beside each row."""
    return f"{table}.{column}"


def _looked_up(low: Lowering, table: TableSchema, name: ast.Name) -> Row | None:
    """`norms.inverse`: a column of a table without member rows, found by the row's categories and period."""
    from contractlang.plan.lowering.lookups import looked_up

    small = low.declared.inputs[name.parts[0]]
    word = column_named(small, name.parts[1:]) if small.results is not None else name.parts[1]
    column = None if word is None else small.column(word)
    if column is None:
        low.scope.unknown(name, [f"{small.name}.{c.name}" for c in small.columns], "column")
        return None
    pairs = looked_up(table, small)
    if isinstance(pairs, str):
        low.error(
            "grain-mismatch",
            f"`{small.name}` is keyed by `{pairs}`, and rows of `{table.name}` have no such column",
            name.span,
            f"declare a column `category in {pairs}` in `{table.name}`",
        )
        return None
    low.used.add(small.name)
    low.row_tables.add(small.name)
    low.read_results.setdefault(small.name, set()).add(column.name)
    columns, span = low.lookups.get(small.name, (set(), name.span))
    low.lookups[small.name] = ({*columns, column.name}, span)
    return _column(low, column, lookup_column(small.name, column.name), name.span, gaps=small.sparse)


def _name(low: Lowering, table: TableSchema, name: ast.Name) -> Row | None:
    if name.text == "member_months" and table.column("member_months") is None and low.months is not None:
        return Row(replace(low.months, origin=name.span), Type(Kind.COUNT, MEMBER_MONTH))
    other = low.declared.inputs.get(name.parts[0]) if len(name.parts) > 1 else None
    if other is not None and len(name.parts) > 2 and other.results is None:
        other = None
    if other is not None and other.name != table.name and not other.member_level:
        return _looked_up(low, table, name)
    parts = name.parts[1:] if len(name.parts) == 2 and name.parts[0] == table.name else name.parts
    if len(parts) == 1:
        key = next((k for k in table.keys if k.name == parts[0]), None)
        if key is not None:
            if key.role == "category":
                return Row(
                    RowExpr("column", value=key.name, kind="text", origin=name.span),
                    Type(Kind.CATEGORY, scheme=key.name),
                )
            return Row(RowExpr("column", value=key.name, kind="text", origin=name.span), Type(Kind.TEXT))
        column = table.column(parts[0])
        if column is not None:
            return _column(low, column, column.name, name.span)
    item = low.scope.items.get(name.text)
    if isinstance(item, ast.Constant):
        low.used.add(name.text)
        return _literal(low, item.value, name.span)
    low.scope.unknown(
        name, [*(k.name for k in table.keys), *(c.name for c in table.columns)], f"column of `{table.name}`"
    )
    return None


def _column(low: Lowering, column: ColumnSchema, name: str, span: Span, *, gaps: bool = False) -> Row | None:
    """A column of the rows in base units; with `gaps`, rows that have none take what the column says of missing values."""
    kind = {Kind.FLAG: "flag", Kind.DATE: "date"}.get(column.type.kind, "int" if column.type.numeric else "text")
    scale = column.scale if kind == "int" else 0
    expr = RowExpr("column", value=name, kind=kind, scale=scale, origin=span)
    missing: Value | int | None = column.missing
    if isinstance(missing, Fraction):
        written = missing / column.factor * 10**scale
        if written.denominator != 1:
            low.error(
                "unsupported",
                f"`{column.name}` keeps {column.decimals or 0} decimals, its value where it is missing has more",
                column.span or span,
                f"declare them: `{column.name} … N decimals when missing …`",
            )
            return None
        missing = int(written)
    if gaps and not isinstance(missing, Absent | None):
        test = RowExpr("missing", (expr,), kind="flag")
        expr = RowExpr(
            "case", (test, replace(expr, op="const", value=missing), expr), kind=kind, scale=scale, origin=span
        )
    if column.factor != 1:
        more = decimals_of(column.factor)
        if more is None:
            low.error("unsupported", f"`{column.name}` cannot be brought to base units exactly for a single row", span)
            return None
        factor = RowExpr("const", value=int(column.factor * 10**more), scale=more)
        expr = RowExpr("*", (expr, factor), scale=scale + more, origin=span)
    return Row(expr, column.type)


def _literal(low: Lowering, e: ast.Expr, at: Span | None = None) -> Row | None:
    found = literal(low.scope, e, low.sink)
    if found is None:
        return None
    value, type_ = found
    span = at or e.span
    match value:
        case bool():
            return Row(RowExpr("const", value=value, kind="flag", origin=span), type_)
        case Fraction():
            scale = decimals_of(value)
            if scale is None:
                low.error(
                    "unsupported",
                    f"`{span.text}` is no decimal number of at most {MOST_DECIMALS} digits",
                    span,
                    "round it",
                )
                return None
            return Row(RowExpr("const", value=int(value * 10**scale), scale=scale, origin=span), type_)
        case str():
            return Row(RowExpr("const", value=value, kind="text", origin=span), type_)
        case _:
            return Row(RowExpr("const", value=value, kind="date", origin=span), type_)


def decimals_of(value: Fraction) -> int | None:
    """The number of decimals that write a value exactly, or None when more than `MOST_DECIMALS` are needed."""
    return next((n for n in range(MOST_DECIMALS + 1) if (value * 10**n).denominator == 1), None)


def aligned(*exprs: RowExpr) -> tuple[RowExpr, ...]:
    """The expressions at their largest scale."""
    scale = max(e.scale for e in exprs)
    return tuple(rescaled(e, scale) for e in exprs)


def rescaled(expr: RowExpr, scale: int) -> RowExpr:
    if expr.scale == scale:
        return expr
    if expr.op == "const" and isinstance(expr.value, int):
        return replace(expr, value=expr.value * 10 ** (scale - expr.scale), scale=scale)
    return RowExpr("rescale", (expr,), scale=scale, origin=expr.origin)


def counted(row: Row) -> Row:
    """A flag as 1 or 0, so that it can be added up; numbers stay."""
    if row.type.kind is not Kind.FLAG:
        return row
    one, zero = RowExpr("const", value=1), RowExpr("const", value=0)
    unknown = RowExpr("missing", (row.expr,), kind="flag")
    expr = RowExpr("case", (unknown, RowExpr("const", value=None), row.expr, one, zero), origin=row.expr.origin)
    return Row(expr, Type(Kind.COUNT, EVENT))


def _category_word(low: Lowering, left: Row, e: ast.Expr) -> Row | None:
    """A word beside a category value is first one of its values."""
    if left.type.kind is Kind.CATEGORY and left.type.scheme:
        word = e.parts[0] if isinstance(e, ast.Name) and len(e.parts) == 1 else None
        word = e.value if isinstance(e, ast.Text) else word
        item = low.scope.items.get(word) if isinstance(e, ast.Name) and word is not None else None
        if isinstance(item, ast.Constant) and word not in low.scope.categories[left.type.scheme].values:
            low.used.add(item.name)
            return (
                _category_word(low, left, item.value) if isinstance(item.value, ast.Name) else _literal(low, item.value)
            )
        if word is not None:
            if word not in low.scope.categories[left.type.scheme].values:
                low.scope.unknown(
                    e if isinstance(e, ast.Name) else ast.Name((word,), span=e.span),
                    low.scope.categories[left.type.scheme].values,
                    f"value of category `{left.type.scheme}`",
                )
                return None
            return Row(RowExpr("const", value=word, kind="text", origin=e.span), left.type)
    return None


def _beside(low: Lowering, table: TableSchema, left: Row, e: ast.Expr) -> Row | None:
    if left.type.kind is Kind.CATEGORY and isinstance(e, ast.Name | ast.Text):
        return _category_word(low, left, e)
    return _row(low, table, e)


def _compare(low: Lowering, table: TableSchema, op: str, left: ast.Expr, right: ast.Expr, span: Span) -> Row | None:
    a = _row(low, table, left)
    b = None if a is None else _beside(low, table, a, right)
    if a is None or b is None:
        return None
    found = typing.comparison(op, a.type, b.type)
    if isinstance(found, Problem):
        low.problem(found, span, (left, right))
        return None
    x, y = aligned(a.expr, b.expr) if a.type.numeric else (a.expr, b.expr)
    return Row(RowExpr(op, (x, y), kind="flag", origin=span), FLAG)


def _arithmetic(low: Lowering, table: TableSchema, op: str, left: ast.Expr, right: ast.Expr, span: Span) -> Row | None:
    a, b = _row(low, table, left), _row(low, table, right)
    if a is None or b is None:
        return None
    found = typing.arithmetic(op, a.type, b.type)
    if isinstance(found, Problem):
        low.problem(found, span, (left, right))
        return None
    x, y = (a.expr, b.expr) if op == "*" else aligned(a.expr, b.expr)
    scale = x.scale + y.scale if op == "*" else x.scale
    return Row(RowExpr(op, (x, y), scale=scale, origin=span), found)


def _membership(low: Lowering, table: TableSchema, e: ast.Membership) -> Row | None:
    a = _row(low, table, e.operand)
    if a is None:
        return None
    items = codes.listed(low, e.items, a.type)
    if items is None:
        return None
    values: list[object] = []
    for item in items:
        ends = (item.low, item.high) if isinstance(item, ast.Range) else (item,)
        found: list[object] = []
        for end in ends:
            side = None if end is None else _beside(low, table, a, end)
            if side is None or side.expr.op != "const":
                if side is not None:
                    low.error("kind-mismatch", "a list after `in` holds literals", item.span)
                return None
            problem = typing.comparison("is", a.type, side.type)
            if isinstance(problem, Problem):
                low.problem(problem, item.span, (e.operand, item))  # type: ignore[arg-type]
                return None
            found.append(
                rescaled(side.expr, a.expr.scale).value
                if a.type.numeric and side.expr.scale <= a.expr.scale
                else side.expr.value
            )
        values.append(tuple(found) if isinstance(item, ast.Range) else found[0])
    expr = RowExpr("in", (a.expr,), value=tuple(values), kind="flag", origin=e.span)
    return Row(RowExpr("not", (expr,), kind="flag") if e.negated else expr, FLAG)


def _if_missing(low: Lowering, table: TableSchema, operand: ast.Expr, fallback: ast.Expr, span: Span) -> Row | None:
    a = _row(low, table, operand)
    b = None if a is None else _beside(low, table, a, fallback)
    if a is None or b is None:
        return None
    found = typing.unify((a.type, b.type), "`if missing` offers")
    if isinstance(found, Problem):
        low.problem(found, span, (operand, fallback))
        return None
    x, y = aligned(a.expr, b.expr) if a.type.numeric else (a.expr, b.expr)
    test = RowExpr("missing", (x,), kind="flag")
    return Row(RowExpr("case", (test, y, x), kind=x.kind, scale=x.scale, origin=span), found)


def _extreme(low: Lowering, table: TableSchema, op: str, parts: Sequence[ast.Expr], span: Span) -> Row | None:
    found = [_row(low, table, p) for p in parts]
    if any(f is None for f in found):
        return None
    known = [f for f in found if f is not None]
    type_ = typing.unify([f.type for f in known], f"`{op}` of")
    if isinstance(type_, Problem):
        low.problem(type_, span, tuple(parts))
        return None
    args = aligned(*(f.expr for f in known))
    return Row(RowExpr("least" if op == "min" else "greatest", args, scale=args[0].scale, origin=span), type_)
