"""Aggregates over keys: `sum(x over measure)`, `mean(x weighted by w over network except own)`."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.member_sums import lower_member_aggregate, population_named
from contractlang.plan.lowering.reduction import MONTHS, column
from contractlang.semantics import typing
from contractlang.semantics.scope import unknown
from contractlang.semantics.types import NONE, Kind, Type
from contractlang.syntax import ast
from contractlang.values import State

FUNCTIONS = ("sum", "mean", "count", "min", "max", "median", "percentile", "percentile_rank", "rank")
KEEPS_GRAIN = ("percentile_rank", "rank")
EMPTY_IS_ZERO = ("sum", "count")


def lower_aggregate(low: Lowering, e: ast.Aggregate) -> Ref | None:
    """The aggregate as one node; reports a missing `over`, an unknown key, a weight where none belongs."""
    if e.function not in FUNCTIONS:
        low.sink.report(unknown(e.function, e.span, FUNCTIONS, "aggregate"))
        return None
    population = population_named(low, e)
    if population is not None:
        low.months = column(MONTHS, scale=population.months_scale)
        found = lower_member_aggregate(low, e, population)
        low.months = None
        return found
    value = _operand(low, e)
    weight = expressions.numeric(low, e.weight, "a weight") if e.weight is not None else None
    where = expressions.flag(low, e.where) if e.where is not None else None
    if value is None or (e.weight is not None and weight is None) or (e.where is not None and where is None):
        return None
    args = tuple(a for a in (value, weight, where) if a is not None)
    grain = typing.union([low.type(a) for a in args])
    over = _over(low, e, grain)
    if over is None:
        return None
    if weight is not None and e.function != "mean":
        low.error(
            "not-an-aggregate",
            f"`{e.function}` takes no weights",
            e.span,
            "write `mean(x weighted by w over k)`, or multiply inside",
        )
        return None
    argument = _argument(low, e)
    if e.function == "percentile" and argument is None:
        low.error(
            "not-an-aggregate", "`percentile` needs a percentage first", e.span, "write `percentile(75%, x over k)`"
        )
        return None
    op = nodes.Aggregate(e.function, over, weight is not None, where is not None, e.except_own, argument)
    removed = frozenset(low.scope.unit if k == "network" else k for k in over)
    result = grain | ({low.scope.unit} if e.except_own else frozenset())
    if e.function not in KEEPS_GRAIN and not e.except_own:
        result = grain - removed
    return low.emit(op, args, _type(low, e, value, result), e.span)


def _operand(low: Lowering, e: ast.Aggregate) -> Ref | None:
    """The value; `count(measure where c)` counts the key itself."""
    if e.function == "count" and isinstance(e.operand, ast.Name) and e.operand.text in low.scope.categories:
        key = e.operand.text
        return low.emit(nodes.Key(key), (), Type(Kind.CATEGORY, scheme=key, grain=frozenset({key})), e.operand.span)
    if e.function == "count":
        return expressions.lower_expression(low, e.operand)
    return expressions.numeric(low, e.operand, f"`{e.function}`")


def _over(low: Lowering, e: ast.Aggregate, grain: frozenset[str]) -> tuple[str, ...] | None:
    over = [n.text for n in e.over]
    if not over and e.function == "count" and isinstance(e.operand, ast.Name):
        over = [e.operand.text]
    extra = sorted(grain - low.settled)
    if not over:
        low.error(
            "not-an-aggregate",
            f"`{e.function}` must say what it removes",
            e.span,
            f"write `{e.function}(… over {extra[0] if extra else 'network'})`",
        )
        return None
    for name, written in zip(over, e.over or (e.operand,), strict=False):
        if name == "network":
            if low.scope.unit not in grain:
                low.error(
                    "grain-mismatch",
                    f"this value is the same for every {low.scope.unit}",
                    e.span,
                    "leave the aggregate out",
                )
                return None
        elif name not in grain:
            known = ", ".join(f"`{k}`" for k in [*extra, "network"])
            low.error("grain-mismatch", f"the value does not vary by `{name}`", written.span, f"it varies by {known}")
            return None
    return tuple(over)


def _argument(low: Lowering, e: ast.Aggregate) -> Fraction | None:
    if e.argument is None:
        return None
    ref = expressions.numeric(low, e.argument, "`percentile`")
    op = None if ref is None else low.builder.nodes[ref].op
    return op.value if isinstance(op, nodes.Const) and isinstance(op.value, Fraction) else None


def _type(low: Lowering, e: ast.Aggregate, value: Ref, grain: frozenset[str]) -> Type:
    type_ = low.type(value)
    missing = frozenset({State.MISSING}) & typing.absences([type_])
    empty = frozenset() if e.function in EMPTY_IS_ZERO else frozenset({State.NOT_REPORTABLE})
    match e.function:
        case "count" | "rank":
            return Type(Kind.COUNT, NONE, grain, step=Fraction(1), absent=missing | empty)
        case "percentile_rank":
            return Type(Kind.PERCENT, NONE, grain, absent=missing | empty)
        case "sum" | "min" | "max":
            return replace(type_, grain=grain, absent=missing | empty, literal=False)
        case _:
            return replace(type_, grain=grain, absent=missing | empty, literal=False, step=None)
