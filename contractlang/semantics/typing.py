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
    MEMBER,
    MEMBER_MONTH,
    NONE,
    PP,
    USD,
    Grain,
    Kind,
    Type,
    Unit,
    kind_of_unit,
)  # fmt: skip
from contractlang.values import State


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a rule does not apply, and what would mend it.

    `adapt` is an argument position whose bare number lacks the unit named there, `multiply` one that lacks a factor of
    that unit, `divide` one that is to be divided by those words, `portion` one whose percentage does not say of what.
    """

    code: str
    message: str
    help: str = ""
    adapt: tuple[int, str] | None = None
    multiply: tuple[int, Unit] | None = None
    divide: tuple[int, str] | None = None
    portion: int | None = None


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
    places = [i for i, t in enumerate(types) if not t.literal] or list(range(len(types)))
    solid = [types[i] for i in places]
    first = solid[0]
    for place, other in zip(places[1:], solid[1:], strict=True):
        if (problem := _clash(first, other, what, (places[0], place))) is not None:
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
            help_ = "" if first.kind is not Kind.FLAG else "write `yes` or `no`"
            return Problem("kind-mismatch", f"{what} a number and {described(first)}", help_)
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


def _clash(a: Type, b: Type, what: str, places: tuple[int, int]) -> Problem | None:
    if a.numeric and b.numeric:
        return None if a.unit == b.unit else _bridged(a, b, f"{what} {described(a)} and {described(b)}", places)
    if a.kind is not b.kind or (a.kind is Kind.CATEGORY and a.scheme != b.scheme):
        own = a.kind is b.kind is Kind.CATEGORY
        help_ = "a value of a category goes with values of the same category" if own else "bring both to one kind"
        return Problem("kind-mismatch", f"{what} {described(a)} and {described(b)}", help_)
    return None


def _bridged(a: Type, b: Type, message: str, places: tuple[int, int]) -> Problem:
    """A unit mismatch, with what to write when one well-known quantity lies between the two."""
    for x, y, place in ((a, b, places[0]), (b, a, places[1])):
        if x.unit * MEMBER_MONTH == y.unit:
            side = f"multiply the `{x.unit}` side by member_months, or divide the other side by member_months"
            return Problem("unit-mismatch", message, side, multiply=(place, MEMBER_MONTH))
        if x.unit == MEMBER_MONTH and y.unit == MEMBER:
            help_ = "divide member_months by `12 months` to get members"
            return Problem("unit-mismatch", message, help_, divide=(place, "12 months"))
        if x.kind is Kind.PERCENT and y.kind is Kind.MONEY:
            return Problem("unit-mismatch", message, "say what the percentage is of: `10% of benchmark`", portion=place)
        if x.unit == NONE and y.unit == PP:
            help_ = "a number and a percentage point differ: write `5 pp` to add points, `105%` to scale"
            return Problem("unit-mismatch", message, help_)
    return Problem("unit-mismatch", message, "bring both sides to one unit: multiply or divide by what lies between")


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
            return "a number without unit" if not type_.unit.powers else f"`{type_.unit.words}`"
        case _ if not type_.unit.powers:
            return "a count"
        case _:
            return f"`{unit_words(type_)}`"


def unit_words(type_: Type) -> str:
    """The unit as a designer writes it behind a number."""
    return type_.shown[1] if type_.shown else type_.unit.words


def zero(type_: Type) -> str | None:
    """Zero of a type as a designer writes it; None for what has no zero."""
    match type_.kind:
        case Kind.FLAG:
            return "no"
        case Kind.PERCENT:
            return "0%"
        case _ if not type_.numeric:
            return None
        case _:
            words = unit_words(type_) if type_.unit.powers else ""
            return (
                f"$0 {words.removeprefix('USD').strip()}".strip() if words.startswith("USD") else f"0 {words}".strip()
            )


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
