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
from contractlang.runtime.steps import steps_taken
from contractlang.runtime.words import body, clause
from contractlang.values import Absent, Value


@dataclass(frozen=True, slots=True)
class Parting:
    """A named value, the reading of it that gives the other amount, and the place of its clause."""

    name: str
    reading: str
    place: str


def parting(result: Result, name: str, row: int, stated: Fraction, tolerance: Fraction) -> Parting | None:
    """The first value, in the order of evaluation, at which another reading comes within the tolerance; None if none does."""
    period = result.period(row)
    plan = result.programme.plans[period]
    asked = plan.named(name)
    if asked is None:
        return None
    key = {plan.unit: result.group(row), plan.period: period}
    provenance = result.provenance
    for named, value, reading in _readings(provenance, plan, key):
        if named.node > asked.node:
            break
        amount = _amount(result, key, asked, named, value)
        if isinstance(amount, Fraction) and abs(amount - stated) <= tolerance:
            return Parting(named.name, reading, named.origin.place)
    return None


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


def _amount(result: Result, key: dict[str, str], asked: Named, changed: Named, value: Value) -> Value:
    """The amount when one named value is another."""
    plan = next(p for label, p in result.programme.plans.items() if label == key[p.period])
    nodes = list(plan.nodes)
    nodes[changed.node] = replace(nodes[changed.node], op=Const(value), args=())
    other = replace(plan, nodes=tuple(nodes))
    plans = {label: other if own is plan else own for label, own in result.programme.plans.items()}
    inputs = Inputs(Frame([key[plan.unit]], [key[plan.period]]), result.inputs.tables)
    return Evaluator(Programme(plans), inputs).value(other, asked.node, key)
