"""Indirect standardisation: what the network's rates by case mix would let expect of a unit's own cases.

expected = sum over case mix of  own denominator * (numerators of the network / denominators of the network)
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, pipeline
from contractlang.plan.lowering.aggregates import emit_aggregate
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.semantics import typing
from contractlang.semantics.types import Type
from contractlang.syntax import ast
from contractlang.values import State


def expected(low: Lowering, clause: ast.Step, numerator: Ref, denominator: Ref, mix: tuple[str, ...]) -> Ref | None:
    """`expected over network [except own], by K`: from sums that vary by the keys `mix`.

    With `except own`, own cases of a kind that no other unit has leave nothing to expect: not reportable.
    """
    span = clause.span
    own = clause.get("except") is not None
    top = emit_aggregate(low, "sum", ("network",), numerator, span, except_own=own)
    bottom = emit_aggregate(low, "sum", ("network",), denominator, span, except_own=own)
    rate = expressions.operate(low, "/", top, bottom, span)
    part = None if rate is None else expressions.operate(low, "*", rate, denominator, span)
    if rate is None or part is None:
        return None
    zero = pipeline.zero_like(low, denominator, span)
    flag = typing.comparison("is", low.type(denominator), low.type(zero))
    assert isinstance(flag, Type)
    empty = low.emit(nodes.Compare("is"), (denominator, zero), flag, span)
    counted = pipeline.choose(low, empty, pipeline.zero_like(low, part, span), part, span)
    total = emit_aggregate(low, "sum", mix, counted, span)
    if not own:
        return total
    known = low.emit(nodes.Test("reportable"), (rate,), replace(FLAG, grain=low.type(rate).grain), span)
    alone = low.emit(nodes.Logic("not"), (known,), low.type(known), span)
    lacking = emit_aggregate(low, "sum", mix, denominator, span, where=alone)
    none = low.constant(Fraction(0), replace(low.type(zero), step=Fraction(0)), span)
    flag = typing.comparison(">", low.type(lacking), low.type(none))
    assert isinstance(flag, Type)
    unmatched = low.emit(nodes.Compare(">"), (lacking, none), flag, span)
    reason = f"no other {low.scope.unit} has such cases"
    absent = low.absent(State.NOT_REPORTABLE, reason, low.type(total), span)
    return pipeline.choose(low, unmatched, absent, total, span)
