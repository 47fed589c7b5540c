"""Scalar operations of the plan on lanes: each emits array operations and says what the result register means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import assert_never

import numpy as np

from contractlang.engines.reference import operations, scalar
from contractlang.engines.vector import kernels
from contractlang.engines.vector.arithmetic import Arithmetic
from contractlang.engines.vector.lanes import Flag, Known, Label, Lane, Number, as_fraction
from contractlang.engines.vector.tables import Tables
from contractlang.plan import nodes
from contractlang.values import Absent, Rounding, State

LARGEST_POWER = 16
"""The largest integer power that is done by multiplication."""


LONGEST_CALENDAR = 200_000
"""Days for which the parts of dates are looked up instead of computed."""


class LeftToReferenceError(Exception):
    """An operation on values that vary by row which this engine does not have."""


class Emitter:
    """Emits the operations of a plan onto a tape."""

    def __init__(self, arithmetic: Arithmetic) -> None:
        self.arithmetic = arithmetic
        self.tape = arithmetic.tape
        self.tables = Tables(arithmetic)

    def apply(self, op: scalar.Scalar, args: Sequence[Lane]) -> Lane:
        """The lane of an operation. Raises LeftToReferenceError."""
        known = [arg.value for arg in args if isinstance(arg, Known)]
        if len(known) == len(args):
            return Known(scalar.apply(op, known))
        match op:
            case nodes.Alias():
                return args[0]
            case nodes.Test(state):
                return self._test(state, args[0])
            case nodes.Logic(which):
                return self._logic(which, args)
            case nodes.Choose():
                return self.choose(args)
            case nodes.Fallback(missing):
                return self._fallback(args[0], args[1], missing=missing)
            case nodes.Extreme(which):
                return self.extreme(which, args)
            case _:
                return self._strict(op, args)

    def _strict(self, op: scalar.Scalar, args: Sequence[Lane]) -> Lane:
        """Operations that pass on the strongest absence of their arguments."""
        states = self.states(args)
        if any(isinstance(arg, Known) and isinstance(arg.value, Absent) for arg in args):
            return self._all_absent(args, states)
        match op:
            case nodes.Arithmetic(sign):
                return self._arithmetic(sign, self.number(args[0]), self.number(args[1]), states)
            case nodes.Negate():
                x = self.number(args[0])
                return replace(x, unit=-x.unit, known=None)
            case nodes.Absolute():
                return self.arithmetic.absolute(self.number(args[0]))
            case nodes.Power(exponent):
                return self._power(self.number(args[0]), exponent)
            case nodes.Compare(sign):
                return self._compare(sign, args[0], args[1], states)
            case nodes.Among():
                return self.tables.among(op, args[0], states)
            case nodes.Round(mode):
                return self._round(self.number(args[0]), args[1], mode, states)
            case nodes.Root(function, decimals):
                if function != "sqrt":
                    raise LeftToReferenceError
                return self.arithmetic.square_root(self.number(args[0]), decimals, states)
            case nodes.Limit() | nodes.Later():
                raise LeftToReferenceError
            case nodes.Curve():
                return self.tables.curve(op, self.number(args[0]), states)
            case nodes.Terms():
                return self.tables.terms(op, args, states)
            case nodes.DatePart(part):
                return self._date_part(part, self.number(args[0]))
            case nodes.Alias() | nodes.Test() | nodes.Logic() | nodes.Choose() | nodes.Fallback() | nodes.Extreme():
                raise LeftToReferenceError
            case _:
                assert_never(op)

    # Lanes as one kind; where a lane is absent on all rows, the values do not matter

    def number(self, lane: Lane) -> Number:
        match lane:
            case Number():
                return lane
            case Known(Fraction() | date() as value):
                return replace(self.arithmetic.constant(as_fraction(value)), is_date=isinstance(value, date))
            case Flag(_, states) | Label(_, _, states):
                return replace(self.arithmetic.constant(Fraction(0)), states=states)
            case Known():
                return replace(self.arithmetic.constant(Fraction(0)), states=self.state(lane))

    def flag(self, lane: Lane) -> Flag:
        match lane:
            case Flag():
                return lane
            case Known(bool() as value):
                return Flag(self.tape.constant(value))
            case _:
                return Flag(self.tape.constant(value=False), self.state(lane))

    def label(self, lane: Lane) -> Label:
        match lane:
            case Label():
                return lane
            case Known(str() as value):
                return Label(self.tape.constant(0), (value,))
            case _:
                return Label(self.tape.constant(0), ("",), self.state(lane))

    # States

    def state(self, lane: Lane) -> int | None:
        """The register of a lane's states; None where every row has a value."""
        match lane:
            case Known(Absent() as absent):
                return self.tape.state(int(absent.state))
            case Known():
                return None
            case _:
                return lane.states

    def states(self, lanes: Sequence[Lane]) -> int | None:
        """The strongest state of several lanes."""
        found = [state for lane in lanes if (state := self.state(lane)) is not None]
        if not found:
            return None
        strongest = found[0]
        for state in found[1:]:
            if state != strongest:
                strongest = self.tape.emit(np.maximum, strongest, state, dtype=np.uint8)
        return strongest

    def _state_or_none(self, lane: Lane) -> int:
        state = self.state(lane)
        return self.tape.state(0) if state is None else state

    def _all_absent(self, args: Sequence[Lane], states: int | None) -> Lane:
        absent = operations.strongest(arg.value for arg in args if isinstance(arg, Known))
        others = self.states([arg for arg in args if not isinstance(arg, Known)])
        if absent is not None and (others is None or absent.state is State.MISSING):
            return Known(absent)
        return replace(self.arithmetic.constant(Fraction(0)), states=states)

    def is_state(self, lane: Lane, *states: State) -> Flag | None:
        """Whether a lane is in one of the states; None where it never is."""
        register = self.state(lane)
        if register is None:
            return None
        numbers = tuple(int(state) for state in states)
        return Flag(self.tape.emit(kernels.state_is(*numbers), register, dtype=bool, key=("state", numbers)))

    # Operations

    def _arithmetic(self, sign: str, x: Number, y: Number, states: int | None) -> Lane:
        match sign:
            case "+":
                return self.arithmetic.add(x, y, states)
            case "-":
                return self.arithmetic.add(x, y, states, minus=True)
            case "*":
                return self.arithmetic.multiply(x, y, states)
            case _:
                return self.arithmetic.divide(x, y, states)

    def _round(self, x: Number, step: Lane, mode: Rounding, states: int | None) -> Lane:
        if not isinstance(step, Known):
            return self.arithmetic.round_by(x, self.number(step), mode, states)
        size = operations.number(step.value)
        return self.arithmetic.round(x, size, mode) if size > 0 else self.tables.constant(operations.NO_STEP, states)

    def _power(self, x: Number, exponent: int) -> Lane:
        if abs(exponent) > LARGEST_POWER:
            raise LeftToReferenceError
        result = replace(self.arithmetic.constant(Fraction(1)), states=x.states)
        for _ in range(abs(exponent)):
            result = self.arithmetic.multiply(result, x, x.states)
        one = self.arithmetic.constant(Fraction(1))
        return result if exponent >= 0 else self.arithmetic.divide(one, result, x.states)

    def _compare(self, sign: str, left: Lane, right: Lane, states: int | None) -> Lane:
        kinds = {type(lane.value) if isinstance(lane, Known) else type(lane) for lane in (left, right)}
        if kinds & {Label, str}:
            return self._compare_labels(sign, self.label(left), self.label(right), states)
        if kinds & {Flag, bool}:
            x, y = self.flag(left), self.flag(right)
            if sign not in ("is", "is not"):
                raise LeftToReferenceError
            function = np.equal if sign == "is" else np.not_equal
            return Flag(self.tape.emit(function, x.slot, y.slot, dtype=bool), states)
        return self.arithmetic.compare(sign, self.number(left), self.number(right), states)

    def _compare_labels(self, sign: str, x: Label, y: Label, states: int | None) -> Lane:
        if sign not in ("is", "is not"):
            raise LeftToReferenceError
        for one, other in ((x, y), (y, x)):
            if len(one.labels) == 1:
                test = nodes.Among((one.labels[0],))
                same = self.tables.among(test, replace(other, states=None), None)
                return self.tables.constant_or(same, states) if sign == "is" else self._not(same, states)
        x, y = self.one_list(x, y)
        function = np.equal if sign == "is" else np.not_equal
        return Flag(self.tape.emit(function, x.slot, y.slot, dtype=bool), states)

    def one_list(self, *labels: Label) -> list[Label]:
        """Labels as indices into one list."""
        merged = tuple(dict.fromkeys(name for label in labels for name in label.labels))
        found = []
        for label in labels:
            if label.labels == merged[: len(label.labels)]:
                found.append(replace(label, labels=merged))
            else:
                codes = np.array([merged.index(name) for name in label.labels], dtype=np.int32)
                slot = self.tape.emit(
                    kernels.table(codes), label.slot, dtype=np.int32, key=("table", codes.tobytes(), "int32")
                )
                found.append(Label(slot, merged, label.states))
        return found

    def _not(self, lane: Lane, states: int | None) -> Lane:
        if isinstance(lane, Known):
            return self.tables.constant(not lane.value, states)
        return Flag(self.tape.emit(np.logical_not, self.flag(lane).slot, dtype=bool), states)

    def _logic(self, which: str, args: Sequence[Lane]) -> Lane:
        if which == "not":
            return self._not(self.flag(args[0]), self.state(args[0]))
        deciding = which == "or"
        if any(isinstance(arg, Known) and arg.value is deciding for arg in args):
            return Known(deciding)
        flags = [
            self.flag(arg)
            for arg in args
            if not (isinstance(arg, Known) and arg.value is not deciding and isinstance(arg.value, bool))
        ]
        if all(flag.states is None for flag in flags):
            slot = flags[0].slot
            for flag in flags[1:]:
                slot = self.tape.emit(np.logical_or if deciding else np.logical_and, slot, flag.slot, dtype=bool)
            return Flag(slot)
        pairs = [slot for flag in flags for slot in (flag.slot, self._state_or_none(flag))]
        values = self.tape.emit(kernels.logic_values(deciding), *pairs, dtype=bool, key=("values", deciding))
        states = self.tape.emit(kernels.logic_states(deciding), *pairs, dtype=np.uint8, key=("states", deciding))
        return Flag(values, states)

    def _test(self, state: str, lane: Lane) -> Lane:
        if state == "missing":
            return self.is_state(lane, State.MISSING) or Known(value=False)
        passing = (State.VALUE, State.NOT_REPORTABLE) if state == "applicable" else (State.VALUE,)
        found = self.is_state(lane, *passing)
        if found is None:
            return Known(value=True)
        unknown = [int(s) if s is State.MISSING else 0 for s in State]
        register = self._state_or_none(lane)
        states = self.tape.emit(kernels.renamed(unknown), register, dtype=np.uint8, key=("renamed", tuple(unknown)))
        return replace(found, states=states)

    def choose(self, args: Sequence[Lane]) -> Lane:
        """The first case that holds; an absent condition before it makes the result absent."""
        cases: list[tuple[Flag, Lane]] = []
        otherwise: Lane = args[-1] if len(args) % 2 else Known(operations.NO_CASE)
        for i in range(0, len(args) - 1, 2):
            condition = args[i]
            if isinstance(condition, Known):
                if condition.value is False:
                    continue
                otherwise = condition if isinstance(condition.value, Absent) else args[i + 1]
                break
            cases.append((self.flag(condition), args[i + 1]))
        if not cases:
            return otherwise
        lanes = [*(lane for _, lane in cases), otherwise]
        states = self._choice_states(cases, otherwise)
        return self._select([flag for flag, _ in cases], lanes, states)

    def _choice_states(self, cases: Sequence[tuple[Flag, Lane]], otherwise: Lane) -> int | None:
        state = self.state(otherwise)
        for flag, lane in reversed(cases):
            state = self._pick_state(flag, self.state(lane), state)
            if flag.states is not None and state is not None:
                state = self.tape.emit(kernels.first_state, flag.states, state, dtype=np.uint8)
            elif flag.states is not None:
                state = flag.states
        return state

    def _pick_state(self, condition: Flag, state: int | None, other: int | None) -> int | None:
        """One state where the condition holds, else the other."""
        if state == other:
            return state
        if other is None:
            return self.tape.emit(kernels.keep_state, condition.slot, state or 0, dtype=np.uint8)
        if state is None:
            opposite = self.tape.emit(np.logical_not, condition.slot, dtype=bool)
            return self.tape.emit(kernels.keep_state, opposite, other, dtype=np.uint8)
        return self.tape.emit(kernels.blend_state, condition.slot, state, other, dtype=np.uint8)

    def _select(self, conditions: Sequence[Flag], lanes: Sequence[Lane], states: int | None) -> Lane:
        """The values of a choice, by the kind that its lanes have."""
        kinds = {type(lane) for lane in lanes if not isinstance(lane, Known)}
        kinds |= {_kind(lane) for lane in lanes if isinstance(lane, Known) and not isinstance(lane.value, Absent)}
        if Label in kinds:
            labels = self.one_list(*(self.label(lane) for lane in lanes))
            slot = self._choose([label.slot for label in labels], conditions, np.int32)
            return Label(slot, labels[0].labels, states)
        if Flag in kinds:
            return Flag(self._choose([self.flag(lane).slot for lane in lanes], conditions, np.bool_), states)
        numbers = [self.number(lane) for lane in lanes]
        dated = any(number.is_date for number in numbers)
        return replace(self.arithmetic.choose(conditions, numbers, states), is_date=dated)

    def _choose(self, slots: Sequence[int], conditions: Sequence[Flag], dtype: type[np.generic]) -> int:
        pairs = [slot for c, value in zip(conditions, slots, strict=False) for slot in (c.slot, value)]
        return self.tape.emit(kernels.choose, *pairs, slots[-1], dtype=dtype)

    def _fallback(self, first: Lane, second: Lane, *, missing: bool) -> Lane:
        if isinstance(first, Known):
            return second if operations.falls_back(first.value, missing=missing) else first
        replaced = (State.MISSING,) if missing else (State.NOT_APPLICABLE, State.NOT_REPORTABLE)
        condition = self.is_state(first, *replaced)
        if condition is None:
            return first
        kept = [int(state) if state not in replaced else 0 for state in State]
        states = self.tape.emit(
            kernels.renamed(kept), self._state_or_none(first), dtype=np.uint8, key=("renamed", tuple(kept))
        )
        own = self.state(second)
        if own is not None:
            states = self.tape.emit(kernels.blend_state, condition.slot, own, states, dtype=np.uint8)
        return self._select([condition], [second, first], states)

    def extreme(self, which: str, args: Sequence[Lane]) -> Lane:
        """`min` or `max`; what is not applicable does not bind."""
        bound = [arg for arg in args if not _never_binds(arg)]
        if not bound:
            return args[0]
        if any(isinstance(arg, Known) and isinstance(arg.value, Absent) for arg in bound):
            raise LeftToReferenceError
        result = self.number(bound[0])
        for arg in bound[1:]:
            result = self._extreme(which, result, self.number(arg))
        return result

    def _extreme(self, which: str, x: Number, y: Number) -> Number:
        if x.states is None and y.states is None:
            return replace(self.arithmetic.extreme(which, x, y, None), is_date=x.is_date)
        both = self.arithmetic.extreme(which, x, y, None)
        pairs = [(self.is_state(x, State.NOT_APPLICABLE), y), (self.is_state(y, State.NOT_APPLICABLE), x)]
        cases = [(flag, number) for flag, number in pairs if flag is not None]
        values = self.arithmetic.choose([flag for flag, _ in cases], [*(number for _, number in cases), both], None)
        states = self.tape.emit(kernels.extreme_states, self._state_or_none(x), self._state_or_none(y), dtype=np.uint8)
        return replace(values, states=states, is_date=x.is_date)

    def _date_part(self, part: str, x: Number) -> Lane:
        days = int(x.high - x.low) + 1
        if days <= LONGEST_CALENDAR:
            parts = np.empty(days)
            kernels.date_part(part)(np.arange(x.low, x.high + 1), out=parts)
            index = self.tape.emit(kernels.offset(int(x.low)), x.slot, dtype=np.int64, key=("offset", x.low))
            slot = self.tape.emit(kernels.table(parts), index, key=("date", part, x.low, x.high))
        else:
            slot = self.tape.emit(kernels.date_part(part), x.slot, key=("date", part))
        bounds = [kernels.part_of_day(part, day) for day in (x.low, x.high)] if part == "year" else [1, 31]
        return Number(slot, Fraction(1), float(bounds[0]), float(bounds[1]), states=x.states)


def _kind(lane: Known) -> type[Number | Flag | Label]:
    match lane.value:
        case bool():
            return Flag
        case str():
            return Label
        case _:
            return Number


def _never_binds(lane: Lane) -> bool:
    return isinstance(lane, Known) and isinstance(lane.value, Absent) and lane.value.state is State.NOT_APPLICABLE
