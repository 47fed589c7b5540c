"""Facts: what a condition that holds, or fails, says about the values below it.

A fact restricts the range, the truth, the labels or the states of a node. Facts are only ever added where they are
certain, so stopping early is always right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from contractlang.plan import abstract, nodes
from contractlang.plan.abstract import ANY, UNRESTRICTED, Abstract, meet
from contractlang.plan.builder import Ref
from contractlang.values import Absent, State, Value

if TYPE_CHECKING:
    from contractlang.plan.ranges import Facts, Ranges

DEPTH = 20
"""Names and operators between a condition and what it is about."""

MOST_FACTS = 60
"""Beyond so many facts those about conditions are forgotten, the oldest first; ranges of values are kept."""

NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "is": "is not", "is not": "is"}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "is": "is", "is not": "is not"}
PRESENT = ANY
YES, NO = Abstract(truth=frozenset({True})), Abstract(truth=frozenset({False}))

STRICT = nodes.Arithmetic | nodes.Negate | nodes.Absolute | nodes.Power | nodes.Compare | nodes.Among | nodes.DatePart
"""Operations whose value is there only if all their arguments are."""


def narrow(ranges: Ranges, condition: Ref, truth: bool, facts: Facts) -> Facts | None:
    """The facts where the condition is `truth` as well; None where it cannot be.

    Conjunctions that were known to fail, or disjunctions known to hold, may by now have a single open part left.
    """
    narrowing = _Narrowing(ranges, dict(facts))
    if not narrowing.holds(condition, truth, 0):
        return None
    for ref, fact in list(narrowing.facts.items()):
        joined = isinstance(ranges.plan.nodes[ref].op, nodes.Logic) and len(fact.truth) == 1
        if joined and not narrowing.holds(ref, next(iter(fact.truth)), 0):
            return None
    if len(narrowing.facts) > MOST_FACTS:
        return narrowing.fewer()
    return narrowing.facts


class _Narrowing:
    """Collects facts; every method gives False where they contradict each other."""

    def __init__(self, ranges: Ranges, facts: dict[Ref, Abstract]) -> None:
        self.ranges = ranges
        self.nodes = ranges.plan.nodes
        self.facts = facts

    def add(self, ref: Ref, fact: Abstract) -> bool:
        known = self.facts.get(ref)
        both = fact if known is None else meet(known, fact)
        self.facts[ref] = both
        return (bool(both.truth) and (both.labels is None or bool(both.labels))) or not both.present

    def fewer(self) -> dict[Ref, Abstract]:
        flags = [f for f in self.facts if isinstance(self.nodes[f].op, nodes.Compare | nodes.Logic | nodes.Among)]
        dropped = set(flags[: len(flags) // 2])
        return {f: a for f, a in self.facts.items() if f not in dropped}

    def holds(self, condition: Ref, truth: bool, depth: int) -> bool:
        """A condition is there and is `truth`."""
        node = self.nodes[condition]
        if not self.add(condition, YES if truth else NO):
            return False
        if depth > DEPTH:
            return True
        match node.op:
            case nodes.Alias():
                return self.holds(node.args[0], truth, depth + 1)
            case nodes.Logic(op="not"):
                return self.holds(node.args[0], not truth, depth + 1)
            case nodes.Logic(op=op) if (op == "and") == truth:
                return all(self.holds(arg, truth, depth + 1) for arg in node.args)
            case nodes.Logic():
                open_ = [a for a in node.args if truth in self.glance(a, depth)]
                return self.holds(open_[0], truth, depth + 1) if len(open_) == 1 else bool(open_)
            case nodes.Test(state=state):
                return self.tested(node.args[0], state, truth, depth + 1)
            case nodes.Compare(op=op):
                return self.compared(op if truth else NEGATED[op], node.args, depth + 1)
            case nodes.Among():
                return self.present(node.args[0], depth) and self.among(node.op, node.args[0], truth)
            case nodes.Fallback():
                return self.fallen_back(node.args, truth, depth + 1)
            case nodes.Terms():
                return self.row_kept(node, lambda v: v is truth)
            case _:
                return True

    def fallen_back(self, args: tuple[Ref, ...], truth: bool, depth: int) -> bool:
        """`c else no` that is yes: `c` is yes. The other way round either may be the reason."""
        possible = [a for a in args if truth in self.glance(a, depth)]
        return self.holds(possible[0], truth, depth) if len(possible) == 1 else bool(possible)

    def glance(self, ref: Ref, depth: int) -> frozenset[bool]:
        """The truth of a flag from the facts themselves, without walking further down (so that narrowing ends)."""
        if ref in self.facts:
            return self.facts[ref].truth
        node, base = self.nodes[ref], self.ranges.base
        match node.op:
            case nodes.Alias() if depth < DEPTH:
                return self.glance(node.args[0], depth + 1)
            case nodes.Logic(op="not") if depth < DEPTH:
                return frozenset(not t for t in self.glance(node.args[0], depth + 1))
            case nodes.Compare() | nodes.Test() | nodes.Among():
                args = [meet(base(a), self.facts[a]) if a in self.facts else base(a) for a in node.args]
                return self.ranges.step(ref, args).truth
            case _:
                return base(ref).truth

    def present(self, ref: Ref, depth: int) -> bool:
        """A value is there, and with it everything that it is strictly made of."""
        if not self.add(ref, PRESENT):
            return False
        node = self.nodes[ref]
        if depth > DEPTH or not isinstance(node.op, nodes.Alias | nodes.Round | STRICT):
            return True
        if isinstance(node.op, nodes.Arithmetic) and node.op.op == "/":
            self.add(node.args[1], Abstract(nonzero=True))
        return all(self.present(arg, depth + 1) for arg in node.args)

    # States ----------------------------------------------------------------------------------------------------------

    def tested(self, ref: Ref, state: str, truth: bool, depth: int) -> bool:
        if state == "reportable" and truth:
            return self.present(ref, depth)
        match state:
            case "applicable":
                allowed = frozenset({State.NOT_REPORTABLE if truth else State.NOT_APPLICABLE})
                there = truth
            case "reportable":
                allowed, there = abstract.ALL_STATES - {State.MISSING}, False
            case _:
                allowed = frozenset({State.MISSING}) if truth else abstract.ALL_STATES - {State.MISSING}
                there = not truth
        if not self.add(ref, replace(UNRESTRICTED, states=allowed, present=there)):
            return False
        inner = self.nodes[ref]
        if isinstance(inner.op, nodes.Alias) and depth < DEPTH:
            return self.tested(inner.args[0], state, truth, depth + 1)
        if isinstance(inner.op, nodes.Terms) and state == "applicable":
            return self.row_kept(inner, lambda v: isinstance(v, Absent) is not truth)
        return True

    # Labels ----------------------------------------------------------------------------------------------------------

    def row_kept(self, node: nodes.Node, keep: Callable[[Value], bool]) -> bool:
        """Only rows whose value is kept can have matched, so the key is one of theirs."""
        op = node.op
        assert isinstance(op, nodes.Terms)
        if len(node.args) != 1:
            return True
        others = self.ranges.of(node.args[0], self.facts).labels
        if others is None:
            return True
        stated = {r.keys[0]: r.value for r in reversed(op.rows) if isinstance(r.keys[0], str)}
        rest = any(r.keys[0] is None and keep(r.value) for r in op.rows)
        labels = frozenset(label for label in others if (keep(stated[label]) if label in stated else rest))
        return self.labelled(node.args[0], labels, 0)

    def labelled(self, ref: Ref, labels: frozenset[str], depth: int) -> bool:
        if not self.add(ref, replace(UNRESTRICTED, labels=labels)):
            return False
        node = self.nodes[ref]
        if isinstance(node.op, nodes.Alias) and depth < DEPTH:
            return self.labelled(node.args[0], labels, depth + 1)
        known = self.ranges.of(ref, self.facts)
        return known.labels is None or bool(known.labels)

    def among(self, op: nodes.Among, ref: Ref, truth: bool) -> bool:
        values = frozenset(v for v in op.values if isinstance(v, str))
        if op.ranges or len(values) != len(op.values):
            return True
        known = self.ranges.of(ref, self.facts).labels
        if truth:
            return self.labelled(ref, values, 0)
        return True if known is None else self.labelled(ref, known - values, 0)

    # Comparisons -----------------------------------------------------------------------------------------------------

    def compared(self, op: str, args: tuple[Ref, ...], depth: int) -> bool:
        if not all(self.present(arg, depth) for arg in args):
            return False
        for x, y, how in ((args[0], args[1], op), (args[1], args[0], MIRRORED[op])):
            if isinstance(self.nodes[x].op, nodes.Const):
                continue
            if not self.bounded(x, how, self.ranges.of(y, self.facts), depth):
                return False
        return True

    def bounded(self, ref: Ref, op: str, by: Abstract, depth: int) -> bool:
        match op:
            case "<" | "<=":
                fact = Abstract(high=by.high, nonzero=op == "<" and by.high is not None and by.high <= 0)
            case ">" | ">=":
                fact = Abstract(low=by.low, nonzero=op == ">" and by.low is not None and by.low >= 0)
            case "is":
                fact = replace(by, states=frozenset(), present=True)
            case _:
                fact = Abstract(nonzero=by.low is not None and by.low == by.high == 0)
                labels = self.ranges.of(ref, self.facts).labels
                if by.labels is not None and len(by.labels) == 1 and labels is not None:
                    return self.labelled(ref, labels - by.labels, 0)
                if len(by.truth) == 1:
                    fact = replace(fact, truth=frozenset(not t for t in by.truth))
        if not self.add(ref, fact):
            return False
        node = self.nodes[ref]
        if isinstance(node.op, nodes.Alias) and depth < DEPTH:
            return self.bounded(node.args[0], op, by, depth + 1)
        known = self.ranges.of(ref, self.facts)
        empty = known.low is not None and known.high is not None and known.low > known.high
        return not empty and (known.labels is None or bool(known.labels))
