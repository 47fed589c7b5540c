"""Where two readings of a contract part: the first named value at which another reading gives the other party's amount.

Another reading of a step is to leave it out; of a definition by cases, another case; of a yes or no, the opposite. The
plan is evaluated again with that one value changed and everything after it following.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from contractlang.engines.base import Frame, Inputs, Programme
from contractlang.engines.reference.evaluator import Evaluator
from contractlang.plan.nodes import Choose, Const, Named, Plan
from contractlang.runtime.formatting import exactly
from contractlang.runtime.provenance import Point, Provenance
from contractlang.runtime.result import Result
from contractlang.runtime.steps import is_step, steps_taken
from contractlang.runtime.words import body, clause
from contractlang.values import Absent, Rounding, Value, round_to

CENT = Fraction(1, 100)


@dataclass(frozen=True, slots=True)
class Parting:
    """A named value, the reading of it that gives the other amount, and the place of its clause."""

    name: str
    reading: str
    place: str


@dataclass(frozen=True)
class Question:
    """A value (`node` of `plan` for `key`) that came out as one thing and is said to be another."""

    programme: Programme
    inputs: Inputs
    provenance: Provenance
    plan: Plan
    node: int
    key: dict[str, str]
    stated: Fraction
    tolerance: Fraction

    def agrees(self, changed: Named, value: Value) -> bool:
        """Whether the value comes out as stated when one named value is another."""
        amount = self.amount(changed, value)
        return isinstance(amount, Fraction) and abs(amount - self.stated) <= self.tolerance

    def amount(self, changed: Named, value: Value) -> Value:
        nodes = list(self.plan.nodes)
        nodes[changed.node] = replace(nodes[changed.node], op=Const(value), args=())
        other = replace(self.plan, nodes=tuple(nodes))
        plans = {label: other if own is self.plan else own for label, own in self.programme.plans.items()}
        frame = Frame([self.key[self.plan.unit]], [self.key[self.plan.period]])
        inputs = replace(self.inputs, frame=frame)
        return Evaluator(Programme(plans), inputs).value(other, self.node, self.key)


def parting(result: Result, name: str, row: int, stated: Fraction, tolerance: Fraction) -> Parting | None:
    """Where our reading and that of a stated amount part, for a named value of a result."""
    period = result.period(row)
    plan = result.programme.plans[period]
    asked = plan.named(name)
    if asked is None:
        return None
    key = {plan.unit: result.group(row), plan.period: period}
    question = Question(result.programme, result.inputs, result.provenance, plan, asked.node, key, stated, tolerance)
    return first_parting(question)


def first_parting(question: Question) -> Parting | None:
    """The first value, in the order of evaluation, at which another reading comes within the tolerance.

    Where no other reading does, the first cap or floor that would, with another limit; None when nothing does.
    """
    for named, value, reading in _readings(question.provenance, question.plan, question.key):
        if named.node < question.node and question.agrees(named, value):
            return Parting(named.name, reading, named.origin.place)
    return next(_limits(question), None)


def _limits(question: Question) -> Iterator[Parting]:
    """Caps and floors that give the stated value with a limit of another size.

    A limit can explain any smaller amount, so small differences, which have many causes, are not explained by one.
    """
    ours = question.provenance.value(Point(question.plan, question.node, question.key))
    if not isinstance(ours, Fraction) or abs(ours - question.stated) < abs(ours) / 100:
        return
    for named in sorted(question.plan.names, key=lambda n: n.node):
        point = Point(question.plan, named.node, question.key)
        if not is_step(named) or named.word not in {"cap", "floor"} or named.node >= question.node:
            continue
        own, there = question.provenance.value(point), question.provenance.value(point.at(question.node))
        if not isinstance(own, Fraction) or not isinstance(there, Fraction) or own == 0:
            continue
        half = question.amount(named, own / 2)
        if not isinstance(half, Fraction) or half == there:
            continue
        solved = own + (question.stated - there) / (there - half) * own / 2
        for step in (Fraction(1), CENT):
            size = round_to(solved, step, Rounding.HALF_AWAY)
            lower = size < own if named.word == "cap" else size > own
            if lower and size >= 0 and question.agrees(named, size):
                shown = exactly(size, point.type)
                yield Parting(named.name, f"with a limit of {shown} in `{clause(named.origin)}`", named.origin.place)
                break


def _readings(provenance: Provenance, plan: Plan, key: dict[str, str]) -> Iterator[tuple[Named, Value, str]]:
    """Named values with another value that they could have, in the order of evaluation."""
    before = {
        step.named.name: step.before
        for block in dict.fromkeys(named.block for named in plan.names if named.block is not None)
        for step in steps_taken(provenance, Point(plan, 0, key), block)
        if step.before is not None
    }
    for named in sorted(plan.names, key=lambda n: n.node):
        point = Point(plan, named.node, key)
        if not point.type.grain <= plan.settled:
            continue
        own = provenance.value(point)
        if named.name in before:
            skipped = before[named.name]
            if skipped != own and skipped is not None:
                yield named, skipped, f"without `{clause(named.origin)}`"
        elif isinstance(own, bool):
            yield named, not own, f"`{named.name}` {'no' if own else 'yes'} instead of {'yes' if own else 'no'}"
        elif named.block is None:
            yield from _cases(provenance, named, point, own)


def _cases(provenance: Provenance, named: Named, point: Point, own: Value) -> Iterator[tuple[Named, Value, str]]:
    inner = body(point)
    if not isinstance(inner.node.op, Choose):
        return
    args = inner.node.args
    results = [*args[1::2], *(args[-1:] if len(args) % 2 else ())]
    for number, arg in enumerate(results, 1):
        value = provenance.value(inner.at(arg))
        if not isinstance(value, Absent) and value != own:
            yield named, value, f"case {number} of {len(results)}: {exactly(value, point.type)}"
