"""Aggregates over keys: `sum(x over measure)`, `mean(x weighted by w over network except own)`."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions
from contractlang.plan.lowering.alike import among_alike, own_conditions
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.member_sums import lower_member_aggregate, population_named
from contractlang.plan.lowering.reduction import MONTHS, column
from contractlang.semantics import typing
from contractlang.semantics.scope import unknown
from contractlang.semantics.types import NONE, Kind, Type
from contractlang.source import Span
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
    inside = [name.text for name in e.over if low.scope.inside(name.text)]
    if inside and low.inside not in inside:
        with low.within(inside[0]):
            return lower_aggregate(low, e)
    population = population_named(low, e)
    if population is not None:
        low.months = column(MONTHS, scale=population.months_scale)
        found = lower_member_aggregate(low, e, population)
        low.months = None
        return found
    alike, condition = own_conditions(e.where)
    if alike:
        return among_alike(low, replace(e, where=condition), alike)
    return aggregate_where(low, e, None)


def aggregate_where(low: Lowering, e: ast.Aggregate, besides: Ref | None) -> Ref | None:
    """The aggregate, of rows that also meet a condition that is lowered already."""
    value = _operand(low, e)
    weight = expressions.numeric(low, e.weight, "a weight") if e.weight is not None else None
    where = expressions.flag(low, e.where) if e.where is not None else None
    if besides is not None:
        where = besides if where is None else _both(low, besides, where, e.span)
    if value is None or (e.weight is not None and weight is None) or (e.where is not None and where is None):
        return None
    args = tuple(a for a in (value, weight, where) if a is not None)
    grain = typing.union([low.type(a) for a in args])
    over = _over(low, e, grain)
    if over is None:
        return None
    if weight is not None and e.function != "mean" and e.weight is not None:
        between = Span(e.span.file, e.operand.span.end, e.weight.span.start)
        low.error(
            "not-an-aggregate",
            f"`{e.function}` takes no weights",
            e.span,
            "write `mean(x weighted by w over k)`, or multiply inside",
            fixes=[edits.instead(between, " * ", "multiply inside")] if e.function == "sum" else [],
        )
        return None
    argument = _argument(low, e)
    if e.function == "percentile" and (argument is None or not 0 <= argument <= 1):
        low.error(
            "not-an-aggregate",
            "`percentile` needs a percentage from 0% to 100% first",
            e.span if e.argument is None else e.argument.span,
            "write `percentile(75%, x over k)`",
        )
        return None
    if not _says_what_it_does(low, e):
        return None
    function = "nearest_percentile" if e.nearest else e.function
    op = nodes.Aggregate(function, over, weight is not None, where is not None, e.except_own, argument)
    return _emit(low, op, args, e.span)


def _both(low: Lowering, a: Ref, b: Ref, span: Span) -> Ref:
    types = [low.type(a), low.type(b)]
    flag = Type(Kind.FLAG, grain=typing.union(types), absent=typing.absences(types))
    return low.emit(nodes.Logic("and"), (a, b), flag, span)


def _says_what_it_does(low: Lowering, e: ast.Aggregate) -> bool:
    """Reports words that change nothing: `except own` of a rank, `by nearest rank` of anything but a percentile."""
    words = "except own" if e.except_own and e.function in KEEPS_GRAIN else ""
    words = words or ("by nearest rank" if e.nearest and e.function != "percentile" else "")
    if not words:
        return True
    at = e.span.text.index(words)
    place = Span(e.span.file, e.span.start + at, e.span.start + at + len(words))
    why = "compares the own value with the others already" if words == "except own" else "is no percentile"
    low.error(
        "not-an-aggregate",
        f"`{e.function}` {why}",
        place,
        f"leave `{words}` out",
        fixes=[edits.instead(Span(place.file, place.start - 1, place.end), "", f"leave `{words}` out")],
    )
    return False


def emit_aggregate(
    low: Lowering,
    function: str,
    over: tuple[str, ...],
    value: Ref,
    span: Span,
    *,
    weight: Ref | None = None,
    where: Ref | None = None,
    except_own: bool = False,
    argument: Fraction | None = None,
) -> Ref:
    """An aggregate of a value that varies by the keys `over`, for clauses that aggregate without saying the word."""
    args = tuple(a for a in (value, weight, where) if a is not None)
    op = nodes.Aggregate(function, over, weight is not None, where is not None, except_own, argument)
    return _emit(low, op, args, span)


def _emit(low: Lowering, op: nodes.Aggregate, args: tuple[Ref, ...], span: Span) -> Ref:
    removed = frozenset(low.scope.unit if k == "network" else k for k in op.over)
    grain = typing.union([low.type(a) for a in args])
    if any(key in low.scope.levels for key in op.over):  # what belongs to a unit is asked of the unit, in its period
        grain |= low.settled
    result = grain if op.function in KEEPS_GRAIN else grain - removed
    if op.except_own:
        result = result | {low.scope.unit}
    return low.emit(op, args, _type(low, op, args, result), span)


def _operand(low: Lowering, e: ast.Aggregate) -> Ref | None:
    """The value; `count(measure where c)` counts the key itself."""
    key = low.scope.category(e.operand) if e.function == "count" and isinstance(e.operand, ast.Name) else None
    if key is not None:
        return low.emit(nodes.Key(key), (), Type(Kind.CATEGORY, scheme=key, grain=frozenset({key})), e.operand.span)
    if e.function == "count" and isinstance(e.operand, ast.Name) and e.operand.text in low.scope.levels:
        level = e.operand.text
        own = low.settled | {level}
        return low.emit(nodes.Key(level), (), Type(Kind.TEXT, grain=own), e.operand.span)
    if e.function == "count":
        return expressions.lower_expression(low, e.operand)
    return expressions.numeric(low, e.operand, f"`{e.function}`")


def _over(low: Lowering, e: ast.Aggregate, grain: frozenset[str]) -> tuple[str, ...] | None:
    """The keys that are removed, under their full names."""
    written = list(e.over)
    if not written and e.function == "count" and isinstance(e.operand, ast.Name):
        written = [e.operand]
    extra = sorted(k for k in grain - low.settled if not low.scope.contains(k))
    if not written:
        key = extra[0] if extra else "network"
        last = e.where or e.weight or e.operand
        low.error(
            "not-an-aggregate",
            f"`{e.function}` must say what it removes",
            e.span,
            f"write `{e.function}(… over {key})`",
            fixes=[Fix(f"write `over {key}`", (edits.after(last.span, f" over {key}"),))] if e.where is None else [],
        )
        return None
    found: list[str] = []
    for name in written:
        key = low.scope.category(name) or name.text
        if not _removable(low, e, name, key, grain, extra):
            return None
        found.append("network" if key == low.scope.unit else key)
    return tuple(found)


def _removable(
    low: Lowering, e: ast.Aggregate, name: ast.Name, key: str, grain: frozenset[str], extra: list[str]
) -> bool:
    if key in ("network", low.scope.unit):
        if low.scope.unit in grain:
            return True
        low.error(
            "grain-mismatch",
            f"this value is the same for every {low.scope.unit}",
            e.span,
            "leave the aggregate out",
            fixes=[edits.instead(e.span, f"({e.operand.span.text})", "leave the aggregate out")],
        )
        return False
    if low.scope.contains(key):
        low.error(
            "grain-mismatch",
            f"an aggregate over {key} would add up settlement periods",
            name.span,
            "read another period with `prior x` or `x at 2023`, or carry a value forward",
            fixes=[edits.instead(e.span, f"({e.operand.span.text})", "read the own period alone")],
        )
        return False
    if key in grain:
        return True
    near = get_close_matches(key, [*extra, "network"], 1, 0.6) or extra[:1]
    varies = " and ".join(f"`{k}`" for k in extra)
    low.error(
        "grain-mismatch",
        f"the value does not vary by `{name.text}`",
        name.span,
        f"it varies by {varies}" if extra else f"it has one value for each {low.scope.unit}: leave the aggregate out",
        fixes=[edits.instead(name.span, near[0])]
        if near
        else [edits.instead(e.span, f"({e.operand.span.text})", "leave the aggregate out")],
    )
    return False


def _argument(low: Lowering, e: ast.Aggregate) -> Fraction | None:
    if e.argument is None:
        return None
    ref = expressions.numeric(low, e.argument, "`percentile`")
    op = None if ref is None else low.builder.nodes[ref].op
    return op.value if isinstance(op, nodes.Const) and isinstance(op.value, Fraction) else None


def _type(low: Lowering, op: nodes.Aggregate, args: tuple[Ref, ...], grain: frozenset[str]) -> Type:
    type_ = low.type(args[0])
    states = typing.absences([low.type(a) for a in args])
    missing = frozenset({State.MISSING}) & states
    empty = frozenset() if op.function in EMPTY_IS_ZERO else frozenset({State.NOT_REPORTABLE})
    left_out = frozenset({State.NOT_APPLICABLE}) if op.filtered else frozenset()
    match op.function:
        case "count":
            return Type(Kind.COUNT, NONE, grain, step=Fraction(1), absent=missing)
        case "rank":
            return Type(Kind.COUNT, NONE, grain, step=Fraction(1), absent=states | empty | left_out)
        case "percentile_rank":
            return Type(Kind.PERCENT, NONE, grain, absent=states | empty | left_out)
        case "sum" | "min" | "max":
            return replace(type_, grain=grain, absent=missing | empty, literal=False)
        case _:
            return replace(type_, grain=grain, absent=missing | empty, literal=False, step=None)
