"""One scalar operation of the plan on the exact values of its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from contractlang.engines.reference import limits, operations, roots
from contractlang.plan.nodes import (
    Absolute,
    Alias,
    Among,
    Arithmetic,
    Choose,
    Compare,
    Curve,
    DatePart,
    Extreme,
    Fallback,
    Later,
    Limit,
    Logic,
    Negate,
    Power,
    Root,
    Round,
    Terms,
    Test,
)
from contractlang.values import Absent, Value

Scalar = (
    Absolute | Alias | Among | Arithmetic | Choose | Compare | Curve | DatePart | Extreme | Fallback | Later | Limit | Logic | Negate
    | Power | Root | Round | Terms | Test
)  # fmt: skip
"""Operations whose value follows from the values of their arguments."""


def apply(op: Scalar, values: Sequence[Value]) -> Value:
    """The value of an operation."""
    match op:
        case Alias():
            return values[0]
        case Arithmetic(sign):
            return operations.arithmetic(sign, *values)
        case Negate():
            return values[0] if isinstance(values[0], Absent) else -operations.number(values[0])
        case Absolute():
            return values[0] if isinstance(values[0], Absent) else abs(operations.number(values[0]))
        case Power(exponent):
            return operations.power(values[0], exponent)
        case Extreme(which):
            return operations.extreme(which, values)
        case Compare(sign):
            return operations.compare(sign, *values)
        case Among(choices, ranges):
            return operations.among(values[0], choices, ranges)
        case Logic(which):
            return operations.logic(which, values)
        case Test(state):
            return operations.test(state, values[0])
        case Choose():
            return choose(values)
        case Fallback(missing):
            return values[1] if operations.falls_back(values[0], missing=missing) else values[0]
        case Round(mode):
            return operations.rounded(values[0], values[1], mode)
        case Root(function, decimals):
            return _root(function, decimals, values)
        case Limit() as limit:
            return operations.strongest(values) or limits.limit(limit, [operations.number(v) for v in values])
        case Curve() as scale:
            return operations.curve(scale, values[0])
        case Terms() as table:
            return operations.terms(table, values)
        case Later(months):
            return operations.later(values[0], months)
        case DatePart(part):
            return operations.date_part(part, values[0])
        case _:
            assert_never(op)


def choose(values: Sequence[Value]) -> Value:
    """The first case whose condition is yes; an absent condition before it decides."""
    for i in range(0, len(values) - 1, 2):
        condition = values[i]
        if isinstance(condition, Absent):
            return condition
        if condition:
            return values[i + 1]
    return values[-1] if len(values) % 2 else operations.NO_CASE


def _root(function: str, decimals: int, values: Sequence[Value]) -> Value:
    if absent := operations.strongest(values):
        return absent
    if function == "sqrt":
        return roots.square_root(operations.number(values[0]), decimals)
    return roots.fractional_power(operations.number(values[0]), operations.number(values[1]), decimals)
