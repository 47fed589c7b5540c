"""Abstract interpretation of a plan: ranges and states of every value, narrowed by the conditions on the way to it.

Sound, not complete: a result may allow more than can happen, never less. Work is bounded: past a budget or a depth the
coarser result without context is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction

from contractlang.plan import abstract, nodes
from contractlang.plan.abstract import ANY, BOTH, UNRESTRICTED, Abstract, exactly, join, meet
from contractlang.plan.builder import Ref
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import Kind
from contractlang.values import Absent, State, Value

Facts = Mapping[Ref, Abstract]

BUDGET = 60_000
DEPTH = 120


class Ranges:
    """Ranges of the nodes of one plan. `years` are the first and last year of the term."""

    def __init__(self, plan: nodes.Plan, years: tuple[int, int]) -> None:
        self.plan = plan
        self.years = years
        self.tables: dict[str, TableSchema] = {t.name: t for t in plan.tables}
        self.categories = {name: frozenset(labels) for name, labels in plan.categories}
        self.parameters = {n.node for n in plan.names if n.role == "parameter"}
        self.support = self._supports()
        self.memo: dict[tuple[Ref, frozenset[tuple[Ref, Abstract]]], Abstract] = {}
        self.arguments: dict[Ref, Abstract] = {}
        self.spent = 0
        self.level = 0
        self.revisiting = False
        self.base: list[Abstract] = []
        for ref, node in enumerate(plan.nodes):
            self.base.append(self._step(ref, [self.base[a] for a in node.args], None))

    def _supports(self) -> list[int]:
        masks: list[int] = []
        for ref, node in enumerate(self.plan.nodes):
            mask = 1 << ref
            for arg in node.args:
                mask |= masks[arg]
            masks.append(mask)
        return masks

    def of(self, ref: Ref, facts: Facts | None = None) -> Abstract:
        """The range of a node where the facts hold."""
        known = facts or {}
        relevant = frozenset((f, a) for f, a in known.items() if self.support[ref] >> f & 1)
        key = (ref, relevant)
        if (found := self.memo.get(key)) is not None:
            return found
        self.spent += 1
        if self.level > DEPTH or self.spent > BUDGET:
            result = self.base[ref]
        else:
            self.level += 1
            node = self.plan.nodes[ref]
            if isinstance(node.op, nodes.Choose):
                result = self._choose(node, known)
            else:
                result = self._step(ref, [self.of(a, known) for a in node.args], known)
            self.level -= 1
        if (fact := known.get(ref)) is not None:
            result = meet(result, fact)
        self.memo[key] = result
        return result

    def _choose(self, node: nodes.Node, facts: Facts) -> Abstract:
        parts: list[Abstract] = []
        states: frozenset[State] = frozenset()
        for condition, value, here in self.branches(node, facts):
            if condition is not None:
                states |= self.of(condition, here).states
            taken = here if condition is None else self.narrow(condition, True, here)
            if taken is not None:
                parts.append(self.of(value, taken))
        return join(parts).with_states(states) if parts else ANY.with_states(states)

    def branches(self, node: nodes.Node, facts: Facts) -> list[tuple[Ref | None, Ref, Facts]]:
        """The cases that can be reached, each with the facts that hold when its condition is asked."""
        found: list[tuple[Ref | None, Ref, Facts]] = []
        here: Facts | None = facts
        args = node.args
        for i in range(0, len(args) - 1, 2):
            if here is None:
                return found
            truth = self.of(args[i], here).truth
            if True in truth:
                found.append((args[i], args[i + 1], here))
            here = self.narrow(args[i], False, here) if False in truth else None
        if here is not None and len(args) % 2:
            found.append((None, args[-1], here))
        return found

    # One operation ---------------------------------------------------------------------------------------------------

    def _step(self, ref: Ref, args: list[Abstract], facts: Facts | None) -> Abstract:
        """The range of one node from those of its arguments."""
        node = self.plan.nodes[ref]
        states = frozenset().union(*(a.states for a in args)) if args else node.type.absent
        result = self._values(ref, node, args, states)
        if facts is not None and isinstance(node.op, nodes.Curve):
            seen = self.arguments.get(ref)
            self.arguments[ref] = args[0] if seen is None else join((seen, args[0]))
        return result

    def _values(self, ref: Ref, node: nodes.Node, args: list[Abstract], states: frozenset[State]) -> Abstract:
        match node.op:
            case nodes.Const(value=value):
                return exactly(value)
            case nodes.Cell(table=table, column=column):
                return self._cell(table, column, node, states)
            case nodes.Key(key=key):
                return self._key(key)
            case nodes.Arithmetic(op=op):
                return self._arithmetic(op, args, states)
            case nodes.Negate():
                return replace(abstract.negate(args[0]), states=states)
            case nodes.Power(exponent=exponent):
                return abstract.power(args[0], exponent, states)
            case nodes.Absolute():
                return Abstract(Fraction(0), _largest(args[0]), args[0].never_zero, states=states)
            case nodes.Extreme(op=op):
                return _extreme(op, args)
            case nodes.Compare(op=op):
                return Abstract(truth=abstract.compare(op, args[0], args[1]), states=states)
            case nodes.Among():
                return Abstract(truth=_among(node.op, args[0]), states=states)
            case nodes.Logic(op=op):
                return _logic(op, args)
            case nodes.Test(state=state):
                return _test(state, args[0])
            case nodes.Choose():
                values = [*args[1::2], *(args[-1:] if len(args) % 2 else [])]
                return join(values).with_states(frozenset().union(*(c.states for c in args[0 : len(args) - 1 : 2])))
            case nodes.Fallback(missing=missing):
                taken = {State.MISSING} if missing else {State.NOT_APPLICABLE, State.NOT_REPORTABLE}
                if not args[0].states & taken:
                    return args[0]
                kept = replace(args[0], states=args[0].states - taken)
                return join((kept, args[1])) if args[0].present else args[1]
            case nodes.Round():
                return Abstract(_sign_low(args[0]), _sign_high(args[0]), states=states)
            case nodes.Root(function=function):
                safe = function == "sqrt" and args[0].low is not None and args[0].low >= 0
                extra = frozenset() if safe else frozenset({State.NOT_REPORTABLE})
                return Abstract(Fraction(0) if function == "sqrt" else None, states=states | extra)
            case nodes.Curve():
                out = frozenset() if abstract.inside(node.op, args[0]) else frozenset({State.NOT_REPORTABLE})
                return replace(abstract.curve_range(node.op, args[0]), states=states | out)
            case nodes.Terms():
                return self._terms(node.op, args, states)
            case nodes.Alias():
                if ref in self.parameters and node.type.kind is Kind.FLAG:
                    return Abstract(states=args[0].states)
                return args[0]
            case nodes.Aggregate() | nodes.Previous():
                low = (
                    Fraction(0)
                    if isinstance(node.op, nodes.Aggregate) and node.op.function in ("count", "rank")
                    else None
                )
                return Abstract(
                    low,
                    states=node.type.absent if isinstance(node.op, nodes.Previous) else self._aggregated(node, args),
                )
            case nodes.DatePart():
                return Abstract(states=states)

    @staticmethod
    def _aggregated(node: nodes.Node, args: list[Abstract]) -> frozenset[State]:
        assert isinstance(node.op, nodes.Aggregate)
        states = frozenset({State.MISSING}) & frozenset().union(*(a.states for a in args))
        return states if node.op.function in ("sum", "count") else states | {State.NOT_REPORTABLE}

    def _cell(self, table: str, column: str, node: nodes.Node, states: frozenset[State]) -> Abstract:
        schema = self.tables.get(table)
        found = schema.column(column) if schema else None
        labels = self.categories.get(node.type.scheme) if node.type.scheme else None
        if found is None:
            counted = node.type.kind is Kind.COUNT
            return Abstract(Fraction(0) if counted else None, labels=labels, states=states)
        return Abstract(found.low, found.high, labels=labels, states=states)

    def _key(self, key: str) -> Abstract:
        if key == "year":
            return Abstract(Fraction(self.years[0]), Fraction(self.years[1]), True)
        if key in self.categories:
            return Abstract(labels=self.categories[key])
        tops = {"half": 2, "quarter": 4, "month": 12}
        return Abstract(Fraction(1), Fraction(tops[key]), True) if key in tops else ANY

    @staticmethod
    def _arithmetic(op: str, args: list[Abstract], states: frozenset[State]) -> Abstract:
        a, b = args
        match op:
            case "+":
                result = abstract.add(a, b)
            case "-":
                result = abstract.add(a, abstract.negate(b))
            case "*":
                result = abstract.multiply(a, b)
            case _:
                result = abstract.divide(a, b)
                if not b.never_zero:
                    states = states | {State.NOT_REPORTABLE}
        return replace(result, states=states)

    @staticmethod
    def _terms(op: nodes.Terms, args: list[Abstract], states: frozenset[State]) -> Abstract:
        rows = [r for r in op.rows if all(abstract.matches(p, a) for p, a in zip(r.keys, args, strict=True))]
        found = join(exactly(r.value) for r in rows) if rows else ANY
        if not rows or not _covered(op, args):
            states = states | {State.MISSING}
        return found.with_states(states)

    # Conditions ------------------------------------------------------------------------------------------------------

    def narrow(self, condition: Ref, truth: bool, facts: Facts) -> Facts | None:
        """The facts where the condition is `truth` as well; None where it cannot be.

        Conjunctions that were known to fail, or disjunctions known to hold, may by now have a single open part left.
        """
        found = self._narrow(condition, truth, facts)
        if found is None or self.revisiting:
            return found
        self.revisiting = True
        for ref, fact in list(found.items()):
            if found is not None and isinstance(self.plan.nodes[ref].op, nodes.Logic) and len(fact.truth) == 1:
                found = self._narrow(ref, next(iter(fact.truth)), found)
        self.revisiting = False
        return found

    def _narrow(self, condition: Ref, truth: bool, facts: Facts) -> Facts | None:
        node = self.plan.nodes[condition]
        found: dict[Ref, Abstract] = dict(facts)
        if not _meet_fact(found, condition, replace(UNRESTRICTED, truth=frozenset({truth}), states=frozenset())):
            return None
        match node.op:
            case nodes.Alias():
                return self._narrow(node.args[0], truth, found)
            case nodes.Logic(op="not"):
                return self._narrow(node.args[0], not truth, found)
            case nodes.Logic(op=op) if (op == "and") == truth:
                narrowed: Facts | None = found
                for arg in node.args:
                    narrowed = None if narrowed is None else self._narrow(arg, truth, narrowed)
                return narrowed
            case nodes.Logic():
                open_ = [a for a in node.args if truth in self._glance(a, facts)]
                return self._narrow(open_[0], truth, found) if len(open_) == 1 else found
            case nodes.Test(state=state):
                ok = self._narrow_test(node.args[0], state, truth, found)
            case nodes.Compare(op=op):
                ok = self._narrow_compare(op, node.args, truth, found)
            case nodes.Among():
                ok = self._narrow_among(node.op, node.args[0], truth, found)
            case nodes.Terms():
                ok = self._narrow_terms(node, found, lambda v: v is truth)
            case _:
                ok = True
        return found if ok else None

    def _glance(self, ref: Ref, facts: Facts) -> frozenset[bool]:
        """The truth of a flag from the facts themselves, without walking further down (so that narrowing ends)."""
        node = self.plan.nodes[ref]
        if ref in facts:
            return facts[ref].truth
        args = [meet(self.base[a], facts[a]) if a in facts else self.base[a] for a in node.args]
        match node.op:
            case nodes.Alias():
                return self._glance(node.args[0], facts)
            case nodes.Logic(op="not"):
                return frozenset(not t for t in self._glance(node.args[0], facts))
            case nodes.Compare() | nodes.Test() | nodes.Among():
                return self._step(ref, args, None).truth
            case _:
                return self.base[ref].truth

    def _narrow_test(self, ref: Ref, state: str, truth: bool, facts: dict[Ref, Abstract]) -> bool:
        match state:
            case "applicable":
                allowed = abstract.ALL_STATES - {State.NOT_APPLICABLE} if truth else frozenset({State.NOT_APPLICABLE})
                present = truth
            case "reportable":
                allowed, present = (frozenset(), True) if truth else (abstract.ALL_STATES, False)
            case _:
                allowed = frozenset({State.MISSING}) if truth else abstract.ALL_STATES - {State.MISSING}
                present = not truth
        if not _meet_fact(facts, ref, replace(UNRESTRICTED, states=allowed, present=present)):
            return False
        inner = self.plan.nodes[ref]
        if isinstance(inner.op, nodes.Alias):
            return self._narrow_test(inner.args[0], state, truth, facts)
        if isinstance(inner.op, nodes.Terms) and state == "applicable":
            return self._narrow_terms(inner, facts, lambda v: isinstance(v, Absent) is not truth)
        return True

    def _narrow_terms(self, node: nodes.Node, facts: dict[Ref, Abstract], keep: Callable[[Value], bool]) -> bool:
        """Only rows whose value is kept can have matched, so the key is one of theirs."""
        assert isinstance(node.op, nodes.Terms)
        if len(node.args) != 1:
            return True
        labels: set[str] = set()
        others = self.of(node.args[0], facts).labels
        for row in node.op.rows:
            if not keep(row.value):
                continue
            if isinstance(row.keys[0], str):
                labels.add(row.keys[0])
            elif row.keys[0] is None and others is not None:
                labels |= others - {r.keys[0] for r in node.op.rows if isinstance(r.keys[0], str)}
            else:
                return True
        return self._narrow_key(node.args[0], frozenset(labels), facts)

    def _narrow_key(self, ref: Ref, labels: frozenset[str], facts: dict[Ref, Abstract]) -> bool:
        if not _meet_fact(facts, ref, replace(UNRESTRICTED, labels=labels)):
            return False
        known = self.of(ref, facts)
        return known.labels is None or bool(known.labels)

    def _narrow_among(self, op: nodes.Among, ref: Ref, truth: bool, facts: dict[Ref, Abstract]) -> bool:
        values = frozenset(v for v in op.values if isinstance(v, str))
        if op.ranges or len(values) != len(op.values):
            return True
        known = self.of(ref, facts).labels
        if truth:
            return self._narrow_key(ref, values, facts)
        return True if known is None else self._narrow_key(ref, known - values, facts)

    def _narrow_compare(self, op: str, args: tuple[Ref, ...], truth: bool, facts: dict[Ref, Abstract]) -> bool:
        if not truth:
            op = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "is": "is not", "is not": "is"}[op]
        mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "is": "is", "is not": "is not"}
        for x, y, how in ((args[0], args[1], op), (args[1], args[0], mirrored[op])):
            if isinstance(self.plan.nodes[x].op, nodes.Const):
                continue
            if not self._bound(x, how, self.of(y, facts), facts):
                return False
        return True

    def _bound(self, ref: Ref, op: str, by: Abstract, facts: dict[Ref, Abstract]) -> bool:
        match op:
            case "<" | "<=":
                fact = replace(UNRESTRICTED, high=by.high, nonzero=op == "<" and by.high is not None and by.high <= 0)
            case ">" | ">=":
                fact = replace(UNRESTRICTED, low=by.low, nonzero=op == ">" and by.low is not None and by.low >= 0)
            case "is":
                fact = replace(by, states=abstract.ALL_STATES, present=True)
            case _:
                zero = by.low is not None and by.low == by.high == 0
                fact = replace(UNRESTRICTED, nonzero=zero)
                labels = self.of(ref, facts).labels
                if by.labels is not None and len(by.labels) == 1 and labels is not None:
                    return self._narrow_key(ref, labels - by.labels, facts)
        if not _meet_fact(facts, ref, fact):
            return False
        node = self.plan.nodes[ref]
        if isinstance(node.op, nodes.Alias):
            return self._bound(node.args[0], op, by, facts)
        known = self.of(ref, facts)
        empty = known.low is not None and known.high is not None and known.low > known.high
        return not empty and (known.labels is None or bool(known.labels))


def _meet_fact(facts: dict[Ref, Abstract], ref: Ref, fact: Abstract) -> bool:
    """Add a fact; False where it contradicts what is known."""
    known = facts.get(ref)
    both = fact if known is None else meet(known, fact)
    facts[ref] = both
    return bool(both.truth) or not both.present


def _largest(a: Abstract) -> Fraction | None:
    return None if a.low is None or a.high is None else max(abs(a.low), abs(a.high))


def _sign_low(a: Abstract) -> Fraction | None:
    return Fraction(0) if a.low is not None and a.low >= 0 else None


def _sign_high(a: Abstract) -> Fraction | None:
    return Fraction(0) if a.high is not None and a.high <= 0 else None


def _extreme(op: str, args: list[Abstract]) -> Abstract:
    states = frozenset().union(*(a.states for a in args))
    sure = [a for a in args if State.NOT_APPLICABLE not in a.states and a.present]
    if sure:
        states -= {State.NOT_APPLICABLE}
    joined = join(args)
    low, high = joined.low, joined.high
    pick = min if op == "min" else max
    lows, highs = [a.low for a in sure if a.low is not None], [a.high for a in sure if a.high is not None]
    if op == "max" and lows:
        low = max([*lows, *([low] if low is not None else [])])
    if op == "min" and highs:
        high = min([*highs, *([high] if high is not None else [])])
    if sure and len(sure) == len(args):
        if op == "min" and len(lows) == len(sure):
            low = pick(lows)
        if op == "max" and len(highs) == len(sure):
            high = pick(highs)
    return Abstract(low, high, all(a.never_zero for a in args), states=states)


def _among(op: nodes.Among, a: Abstract) -> frozenset[bool]:
    if a.labels is None or op.ranges:
        return BOTH
    inside = a.labels & {v for v in op.values if isinstance(v, str)}
    if not inside:
        return frozenset({False})
    return frozenset({True}) if inside == a.labels else BOTH


def _logic(op: str, args: list[Abstract]) -> Abstract:
    if op == "not":
        return replace(args[0], truth=frozenset(not t for t in args[0].truth))
    decides = op == "or"
    states = frozenset().union(*(a.states for a in args))
    if any(a.truth == {decides} and not a.states for a in args):
        return Abstract(truth=frozenset({decides}))
    truth: frozenset[bool] = frozenset()
    if any(decides in a.truth for a in args):
        truth |= {decides}
    if all((not decides) in a.truth for a in args):
        truth |= {not decides}
    return Abstract(truth=truth, states=states)


def _test(state: str, a: Abstract) -> Abstract:
    match state:
        case "applicable":
            failing, passing = {State.NOT_APPLICABLE}, a.present or bool(a.states - {State.NOT_APPLICABLE})
        case "reportable":
            failing, passing = set(abstract.ALL_STATES), a.present
        case _:
            truth = set()
            if State.MISSING in a.states:
                truth.add(True)
            if a.present or a.states - {State.MISSING}:
                truth.add(False)
            return Abstract(truth=frozenset(truth) or BOTH)
    outcomes = set()
    if a.states & failing:
        outcomes.add(False)
    if passing:
        outcomes.add(True)
    return Abstract(truth=frozenset(outcomes) or BOTH)


def _covered(op: nodes.Terms, args: list[Abstract]) -> bool:
    """Whether some row matches whatever the keys are (schedules are checked against the term when declared)."""
    if any(all(p is None for p in row.keys) for row in op.rows):
        return True
    if len(args) != 1:
        return False
    labels = args[0].labels
    if labels is not None:
        return labels <= {r.keys[0] for r in op.rows if isinstance(r.keys[0], str)}
    return True
