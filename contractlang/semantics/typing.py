"""Typing rules of operations: from the types of the arguments to the type of the result, or what is wrong.

Pure functions without places; the walk over the expressions adds spans. A rule that fails returns a `Problem` whose
help says what to write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from math import gcd, lcm

from contractlang.semantics.types import (
    MEMBER_MONTH,
    MONTH,
    NONE,
    PMPM,
    PP,
    USD,
    Grain,
    Kind,
    Type,
    kind_of_unit,
)  # fmt: skip
from contractlang.values import State


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a rule does not apply. `adapt` is an argument position whose bare number lacks the unit named there."""

    code: str
    message: str
    help: str = ""
    adapt: tuple[int, str] | None = None


def common_step(steps: Sequence[Fraction | None]) -> Fraction | None:
    """The greatest number of which all steps are multiples; None when one is unknown."""
    if any(step is None for step in steps):
        return None
    known = [step for step in steps if step]
    if not known:
        return Fraction(0)
    denominator = lcm(*(step.denominator for step in known))
    return Fraction(reduce(gcd, (int(step * denominator) for step in known)), denominator)


def union(types: Sequence[Type]) -> Grain:
    return frozenset().union(*(t.grain for t in types))


def absences(types: Sequence[Type]) -> frozenset[State]:
    return frozenset().union(*(t.absent for t in types))


def unify(types: Sequence[Type], what: str) -> Type | Problem:
    """The common type of values that stand side by side (`min`, `when`, `+`, comparison): same unit, fitting kinds."""
    solid = [t for t in types if not t.literal] or list(types)
    first = solid[0]
    for other in solid[1:]:
        if (problem := _clash(first, other, what)) is not None:
            return problem
    for position, type_ in enumerate(types):
        if type_.literal and first.numeric and first.unit.powers and first.unit != PP:
            word = unit_words(first)
            return Problem(
                "unit-mismatch",
                f"{what} a bare number and {described(first)}",
                f"write the unit: `{word}`" if first.unit != USD else "write an amount of money, such as `$0`",
                (position, word),
            )
        if type_.literal and not first.numeric:
            return Problem("kind-mismatch", f"{what} a number and {described(first)}")
    kinds = {t.kind for t in solid}
    kind = Kind.PERCENT if Kind.PERCENT in kinds and kinds <= {Kind.PERCENT, Kind.NUMBER} else first.kind
    return replace(
        first,
        kind=kind,
        grain=union(types),
        absent=absences(types),
        step=common_step([t.step for t in types]),
        shown=first.shown if all(t.shown == first.shown for t in solid) else None,
        literal=all(t.literal for t in types),
    )


def _clash(a: Type, b: Type, what: str) -> Problem | None:
    if a.numeric and b.numeric:
        if a.unit == b.unit:
            return None
        return Problem("unit-mismatch", f"{what} {described(a)} and {described(b)}", bridge(a, b))
    if a.kind is not b.kind:
        return Problem("kind-mismatch", f"{what} {described(a)} and {described(b)}")
    if a.kind is Kind.CATEGORY and a.scheme != b.scheme:
        return Problem("kind-mismatch", f"{what} {described(a)} and {described(b)}")
    return None


def described(type_: Type) -> str:
    """A type in words for a message: `USD pmpm`, a percentage, category `track`."""
    match type_.kind:
        case Kind.CATEGORY:
            return f"a value of category `{type_.scheme}`"
        case Kind.FLAG:
            return "a flag"
        case Kind.DATE:
            return "a date"
        case Kind.TEXT:
            return "text"
        case Kind.PERCENT:
            return "a percentage"
        case _ if type_.unit == PP:
            return "percentage points"
        case Kind.NUMBER:
            return "a number without unit" if not type_.unit.powers else f"`{type_.unit}`"
        case _:
            return f"`{type_.shown[1] if type_.shown else type_.unit}`"


def unit_words(type_: Type) -> str:
    """The unit as a designer writes it behind a number."""
    return type_.shown[1] if type_.shown else str(type_.unit).replace("member month", "member_months")


def bridge(a: Type, b: Type) -> str:
    """What to write so that two units fit, when one well-known quantity lies between them."""
    for x, y in ((a, b), (b, a)):
        if x.unit == PMPM and y.unit == USD:
            return "multiply the `USD pmpm` side by member_months, or divide the other side by member_months"
        if x.unit == MEMBER_MONTH and y.unit * MONTH == MEMBER_MONTH:
            return "divide member_months by `12 months` to get members"
        if x.kind is Kind.PERCENT and y.unit == USD:
            return "say what the percentage is of: `10% of benchmark`"
        if x.kind is Kind.PERCENT and y.unit == PP:
            return "a percentage and a percentage point differ: write `5 pp` to add points, `105%` to scale"
    return ""


def arithmetic(op: str, a: Type, b: Type) -> Type | Problem:
    """The type of `a op b` for `+ - * /`."""
    for side in (a, b):
        if not side.numeric:
            return Problem("kind-mismatch", f"`{op}` needs numbers, here is {described(side)}")
    grain, absent = union((a, b)), absences((a, b))
    if op in "+-":
        return _sum(op, a, b, grain, absent)
    if op == "*":
        unit = a.unit * b.unit
        step = a.step * b.step if a.step is not None and b.step is not None else None
    else:
        unit = a.unit / b.unit
        step = None
        absent = absent | {State.NOT_REPORTABLE}
    kind = kind_of_unit(unit)
    if kind is Kind.NUMBER:
        percent = Kind.PERCENT in (a.kind, b.kind) if op == "*" else a.kind is Kind.PERCENT and b.kind is Kind.NUMBER
        kind = Kind.PERCENT if percent else Kind.NUMBER
        if unit == NONE and op == "/" and a.literal and b.literal:
            return Type(kind, unit, grain, step=None, literal=True)
    shown = a.shown if b.unit == NONE else None
    return Type(kind, unit, grain, step=step, absent=absent, shown=shown, literal=a.literal and b.literal)


def _sum(op: str, a: Type, b: Type, grain: Grain, absent: frozenset[State]) -> Type | Problem:
    if {a.unit, b.unit} == {PP, NONE} and Kind.PERCENT in (a.kind, b.kind):
        return Type(Kind.PERCENT, NONE, grain, step=common_step([a.step, b.step]), absent=absent)
    return unify((a, b), "adding" if op == "+" else "subtracting")


def power(base: Type, exponent: int) -> Type | Problem:
    if not base.numeric:
        return Problem("kind-mismatch", f"`^` needs a number, here is {described(base)}")
    unit = base.unit**exponent
    step = base.step**exponent if base.step is not None and exponent > 0 else None
    kind = base.kind if not unit.powers else kind_of_unit(unit)
    return replace(base, kind=kind, unit=unit, step=step, shown=None)


def comparison(op: str, a: Type, b: Type) -> Type | Problem:
    """The flag that `a op b` gives."""
    if op not in ("is", "is not") and not ((a.numeric and b.numeric) or a.kind is b.kind is Kind.DATE):
        return Problem("kind-mismatch", f"`{op}` compares numbers or dates, here are {described(a)} and {described(b)}")
    found = unify((a, b), "comparing")
    if isinstance(found, Problem):
        return found
    return Type(Kind.FLAG, grain=found.grain, absent=found.absent)
