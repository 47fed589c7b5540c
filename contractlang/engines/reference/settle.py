"""The settle stage by the reference engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import numpy as np

from contractlang.engines.base import Bytes, Frame, Inputs, Ints, Programme
from contractlang.engines.reference.evaluator import Evaluator
from contractlang.plan.nodes import Plan
from contractlang.values import Absent, Rounding, State, Value, round_to

NO_PLAN = Absent(State.NOT_APPLICABLE, "no contract in force")


def settle(programme: Programme, inputs: Inputs) -> ReferenceSettlement:
    """Settle every row of the frame. Values are computed when they are asked for."""
    return ReferenceSettlement(programme, inputs, Evaluator(programme, inputs))


@dataclass(frozen=True)
class ReferenceSettlement:
    """A settlement whose every value comes from the evaluator."""

    programme: Programme
    inputs: Inputs
    evaluator: Evaluator

    @property
    def frame(self) -> Frame:
        return self.inputs.frame

    def values(self, name: str) -> Sequence[Value]:
        """The exact value of a named value on every row; its grain is that of the settlement or coarser."""
        return [self.at(name, row) for row in range(len(self.frame))]

    def at(self, name: str, row: int) -> Value:
        """One exact value; not applicable where no contract is in force or the one in force has no such name."""
        period = self.frame.periods[row]
        plan = self.programme.plan(period)
        if plan is None:
            return NO_PLAN
        named = plan.named(name)
        if named is None:
            return Absent(State.NOT_APPLICABLE, f"no `{name}` in {period}")
        return self.evaluator.value(plan, named.node, {plan.unit: self.frame.units[row], plan.period: period})

    def decimals(self, name: str, places: int) -> tuple[Ints, Bytes]:
        """Values as integers of 10**-places with their states. Raises TypeError for dates and text."""
        return as_decimals(self.values(name), places)

    def flags(self, plan: Plan, node: int) -> tuple[Ints, Bytes, Bytes]:
        """A condition on the rows that the plan governs: rows, 0 or 1, states."""
        mine = [row for row, period in enumerate(self.frame.periods) if self.programme.plan(period) is plan]
        keys = [{plan.unit: self.frame.units[row], plan.period: self.frame.periods[row]} for row in mine]
        found = [self.evaluator.value(plan, node, key) for key in keys]
        yes = np.array([value is True for value in found], dtype=np.uint8)
        states = np.array([value.state if isinstance(value, Absent) else 0 for value in found], dtype=np.uint8)
        return np.array(mine, dtype=np.int64), yes, states


def as_decimals(values: Sequence[Value], places: int) -> tuple[Ints, Bytes]:
    """Numbers as integers of 10**-places, rounded half away from zero (0 where absent), and states.

    A flag counts as 0 or 1. Integers beyond 64 bits make an array of Python integers. Raises TypeError for dates and
    text.
    """
    scale = 10**places
    whole: list[int] = []
    for value in values:
        match value:
            case Absent():
                whole.append(0)
            case bool() | Fraction():
                whole.append(int(round_to(Fraction(value) * scale, Fraction(1), Rounding.HALF_AWAY)))
            case _:
                raise TypeError(f"{value!r} is not a number")
    states = [int(v.state) if isinstance(v, Absent) else 0 for v in values]
    fits = all(-(2**63) <= n < 2**63 for n in whole)
    numbers: Any = np.array(whole, dtype=np.int64 if fits else object)
    return cast(Ints, numbers), np.array(states, dtype=np.uint8)
