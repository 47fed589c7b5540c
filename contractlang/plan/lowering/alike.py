"""Aggregates among the units that are like the own one: `percentile_rank(x over network where directory.specialty is own)`.

The values of a category are known, so the aggregate is taken once for each of them, and a unit reads that of its own value.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions
from contractlang.plan.lowering.context import Lowering
from contractlang.semantics import typing
from contractlang.semantics.types import Kind, Type
from contractlang.semantics.typing import described
from contractlang.source import Span
from contractlang.syntax import ast

MOST_KINDS = 500
"""Combinations of values among which one aggregate tells units apart."""


def own_conditions(where: ast.Expr | None) -> tuple[list[ast.StateTest], ast.Expr | None]:
    """The parts `x is own` of a condition that are joined by `and`, and the rest of it."""
    match where:
        case ast.StateTest(state="own"):
            return [where], None
        case ast.Binary(op="and", left=left, right=right):
            first, a = own_conditions(left)
            second, b = own_conditions(right)
            rest = ast.Binary("and", a, b, span=where.span) if a is not None and b is not None else a or b
            return first + second, rest
        case _:
            return [], where


def among_alike(low: Lowering, e: ast.Aggregate, alike: Sequence[ast.StateTest]) -> Ref | None:
    """The aggregate among the units that have the own value of every category in `alike`."""
    from contractlang.plan.lowering.aggregates import aggregate_where

    if not any(k.text in ("network", low.scope.unit) for k in e.over):
        low.error(
            "not-an-aggregate",
            "only units of the network can be like the own one",
            alike[0].span,
            "write `over network`",
        )
        return None
    own: list[Ref] = []
    labels: list[tuple[str, ...]] = []
    for test in alike:
        ref = expressions.lower_expression(low, test.operand)
        if ref is None or not _told_apart(low, ref, test):
            return None
        own.append(ref)
        labels.append(low.scope.categories[low.type(ref).scheme or ""].values)
    combinations = list(product(*labels))
    if len(combinations) > MOST_KINDS:
        low.error(
            "contract-too-large",
            f"{len(combinations):_} kinds of units; the limit is {MOST_KINDS}",
            alike[-1].span,
            "declare a category with the kinds that are compared",
        )
        return None
    args: list[Ref] = []
    for chosen in combinations:
        same = _same(low, own, chosen, e.span)
        value = aggregate_where(low, e, same)
        if value is None:
            return None
        args += [same, value]
    types = [low.type(a) for a in args]
    found = low.type(args[1])
    type_ = Type(
        found.kind, found.unit, typing.union(types), step=found.step, absent=typing.absences(types), shown=found.shown
    )
    return low.emit(nodes.Choose(), tuple(args[:-2] + args[-1:]) if len(args) > 2 else (args[1],), type_, e.span)


def _told_apart(low: Lowering, ref: Ref, test: ast.StateTest) -> bool:
    type_ = low.type(ref)
    if type_.kind is not Kind.CATEGORY or type_.scheme not in low.scope.categories:
        low.error(
            "kind-mismatch",
            f"`is own` compares values of a category, here is {described(type_)}",
            test.operand.span,
            "declare the column `category in NAME`",
        )
        return False
    if low.scope.unit not in type_.grain:
        low.error(
            "grain-mismatch",
            f"`{test.operand.span.text}` is the same for every {low.scope.unit}",
            test.operand.span,
            "leave the condition out",
        )
        return False
    return True


def _same(low: Lowering, own: Sequence[Ref], chosen: Sequence[str], span: Span) -> Ref:
    """Whether a unit has these values."""
    tests: list[Ref] = []
    for ref, label in zip(own, chosen, strict=True):
        type_ = low.type(ref)
        flag = Type(Kind.FLAG, grain=type_.grain, absent=type_.absent)
        tests.append(low.emit(nodes.Among((label,)), (ref,), flag, span))
    if len(tests) == 1:
        return tests[0]
    types = [low.type(t) for t in tests]
    flag = Type(Kind.FLAG, grain=typing.union(types), absent=typing.absences(types))
    return low.emit(nodes.Logic("and"), tuple(tests), flag, span)
