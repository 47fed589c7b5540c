"""Aggregates over the rows of a population: `sum(x over panel)`, `mean(x weighted by w over panel)`, `count(members over panel where c)`.

The row expression is added up by the reduce stage; the settle stage reads the sums, and divides for a mean.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from contractlang.plan import nodes, relations
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, months, rows
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.plan.lowering.lookups import with_lookups
from contractlang.plan.lowering.reduction import (
    MEMBER_KEY,
    Population,
    column,
    step,
)
from contractlang.plan.relations import RowExpr
from contractlang.semantics.types import MEMBER, Kind, Type
from contractlang.syntax import ast

FUNCTIONS = ("sum", "mean", "count", "min", "max")


def population_named(low: Lowering, e: ast.Aggregate) -> Population | None:
    """The population whose rows an aggregate removes: after `over`, or that of the block around it."""
    if len(e.over) == 1 and e.over[0].text in low.populations:
        low.used.add(e.over[0].text)
        return low.populations[e.over[0].text]
    return low.around if not e.over else None


def lower_member_aggregate(low: Lowering, e: ast.Aggregate, population: Population) -> Ref | None:
    if e.function not in FUNCTIONS or e.except_own or e.argument is not None:
        low.error(
            "not-an-aggregate",
            f"`{e.function}` is not taken over member rows",
            e.span,
            f"over a population stand {', '.join(f'`{f}`' for f in FUNCTIONS)}",
        )
        return None
    if e.function == "mean" and e.weight is None:
        low.error(
            "mean-without-weight",
            "a mean of member rows must say what weighs them",
            e.span,
            "write `mean(x weighted by member_months over …)`",
        )
        return None
    if not months.reads_rows(low, population, e.span):
        return None
    where = None if e.where is None else rows.lower_row(low, population.table, e.where, FLAG)
    if e.where is not None and where is None:
        return None
    if e.function == "count":
        return _count(low, e, population, where)
    value = rows.lower_row(low, population.table, e.operand)
    weight = None if e.weight is None else rows.lower_row(low, population.table, e.weight)
    if value is None or (e.weight is not None and weight is None):
        return None
    if not value.type.numeric and value.type.kind is not Kind.FLAG:
        low.error("kind-mismatch", f"`{e.function}` needs numbers", e.operand.span)
        return None
    value = rows.counted(value)
    expr = value.expr
    if weight is not None:
        expr = RowExpr("*", (expr, weight.expr), scale=expr.scale + weight.expr.scale, origin=e.span)
    sums = [("value", _kept(expr, where), "sum" if e.function == "mean" else e.function)]
    if weight is not None:
        sums.append(("weight", _kept(weight.expr, where), "sum"))
    name = _totals(low, e, population, sums)
    unit = value.type.unit * weight.type.unit if weight is not None else value.type.unit
    total = _cell(low, e, population, name, "value", Type(value.type.kind, unit), expr.scale)
    if weight is None:
        return total
    below = _cell(low, e, population, name, "weight", Type(weight.type.kind, weight.type.unit), weight.expr.scale)
    return expressions.operate(low, "/", total, below, e.span)


def _count(low: Lowering, e: ast.Aggregate, population: Population, where: rows.Row | None) -> Ref | None:
    """`count(members over panel where c)`: members with at least one row that meets the condition."""
    if not isinstance(e.operand, ast.Name) or e.operand.text != "members":
        low.error(
            "not-an-aggregate",
            "over a population only `members` are counted",
            e.operand.span,
            "write `count(members over … where …)`, or `sum`",
        )
        return None
    source = population.counted
    if where is not None:
        source = with_lookups(low, source, population.table)
        source = step(
            low, _next(low, population), relations.Filter(source, where.expr), e.span, "rows that meet the condition"
        )
    measure = relations.Measure("value", "count_distinct", column(MEMBER_KEY, "text"))
    source = months.placed(low, population, source, _next(low, population), e.span)
    name = _next(low, population)
    step(low, name, relations.Group(source, months.columns_of(low, population), (measure,)), e.span, "members")
    columns = (("value", "value", 0),)
    low.outputs.append(relations.Output(name, name, months.keys_of(low, population), columns, ("value",)))
    return _cell(low, e, population, name, "value", Type(Kind.COUNT, MEMBER), 0)


def _kept(expr: RowExpr, where: rows.Row | None) -> RowExpr:
    """The expression where the condition holds, else nothing; without an answer the sum has none either."""
    if where is None:
        return expr
    unknown = RowExpr("missing", (where.expr,), kind="flag")
    none, zero = RowExpr("const", value=None, scale=expr.scale), RowExpr("const", value=0, scale=expr.scale)
    return RowExpr("case", (unknown, none, where.expr, expr, zero), scale=expr.scale, origin=expr.origin)


def _next(low: Lowering, population: Population) -> str:
    return f"{population.name}.sum{sum(1 for s in low.steps if s.name.startswith(f'{population.name}.sum')) + 1}"


def _totals(low: Lowering, e: ast.Aggregate, population: Population, sums: list[tuple[str, RowExpr, str]]) -> str:
    source = with_lookups(low, population.counted, population.table)
    source = months.placed(low, population, source, _next(low, population), e.span)
    derived = relations.Derive(source, tuple((f"row_{n}", expr) for n, expr, _ in sums))
    rowed = step(low, _next(low, population), derived, e.span, "the values of each row")
    measures = tuple(relations.Measure(n, f, column(f"row_{n}", scale=expr.scale)) for n, expr, f in sums)
    name = _next(low, population)
    step(low, name, relations.Group(rowed, months.columns_of(low, population), measures), e.span, "added up")
    columns = tuple((n, n, expr.scale) for n, expr, _ in sums)
    empty = tuple(n for n, _, f in sums if f == "sum")
    low.outputs.append(relations.Output(name, name, months.keys_of(low, population), columns, empty))
    return name


def _cell(
    low: Lowering, e: ast.Aggregate, population: Population, table: str, word: str, type_: Type, scale: int
) -> Ref:
    full = replace(type_, grain=months.grain_of(low, population), step=Fraction(1, 10**scale))
    return low.emit(nodes.Cell(table, word), (), full, e.span)
