"""Abstract interpretation of a plan: ranges and states of every value, narrowed by the conditions on the way to it.

Sound, not complete: a result may allow more than can happen, never less. Work is bounded: past a budget or a depth of
choices inside choices the coarser result without context is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import assert_never

from contractlang.plan import abstract, nodes
from contractlang.plan.abstract import ANY, Abstract, exactly, join, meet
from contractlang.plan.builder import Ref
from contractlang.plan.coverage import Coverage
from contractlang.plan.narrowing import STRICT, narrow
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import Kind
from contractlang.values import State, Value

Facts = Mapping[Ref, Abstract]
Context = frozenset[tuple[Ref, Abstract]]

NOWHERE: Context = frozenset()
"""The context in which nothing is known."""

BUDGET = 25_000
"""Evaluations of one operation in one context, for the whole plan."""

DEPTH = 12
"""Choices inside choices that are looked at with the facts of the outer ones."""


class Ranges:
    """Ranges of the nodes of one plan. `years` are the first and last year of the term.

    `forgiven` scales count as holding every argument: that they do not has been reported.

    `arguments` keeps, for every scale and table of terms that has been reached, what its arguments were.
    """

    def __init__(self, plan: nodes.Plan, years: tuple[int, int], forgiven: frozenset[str] = frozenset()) -> None:
        self.plan = plan
        self.forgiven = forgiven
        self.years = years
        self.tables: dict[str, TableSchema] = {t.name: t for t in plan.tables}
        self.categories = {name: frozenset(labels) for name, labels in plan.categories}
        self.parameters = {n.node for n in plan.names if n.role == "parameter"}
        self.arguments: dict[Ref, tuple[Abstract, ...]] = {}
        self.spent = 0
        self.level = 0
        self._memo: dict[tuple[Ref, Context], Abstract] = {}
        self._lookups: dict[tuple[int, tuple[Abstract, ...]], Abstract] = {}
        self._assumed: set[Ref] = set()
        self._coverages: dict[int, Coverage] = {}
        self._base: dict[Ref, Abstract] = {}
        self._below: list[int] = []
        for ref, node in enumerate(plan.nodes):
            mask = 1 << ref
            for arg in node.args:
                mask |= self._below[arg]
            self._below.append(mask)

    def base(self, root: Ref) -> Abstract:
        """The range of a node without a look at the conditions inside it: coarser than `of`, and always cheap."""
        base = self._base
        stack = [root]
        while stack:
            ref = stack[-1]
            args = self.plan.nodes[ref].args
            open_ = [a for a in args if a not in base] if ref not in base else []
            if open_:
                stack += open_
                continue
            stack.pop()
            if ref not in base:
                base[ref] = self.step(ref, [base[a] for a in args])
        return base[root]

    def of(self, ref: Ref, facts: Facts | None = None) -> Abstract:
        """The range of a node where the facts hold."""
        below = self._below[ref]
        relevant = {f: a for f, a in (facts or {}).items() if below >> f & 1}
        return self._evaluated(ref, relevant, frozenset(relevant.items()))

    def _evaluated(self, root: Ref, facts: Facts, context: Context) -> Abstract:
        """The range of a node and of all that it reads, in one context; deep plans need no deep recursion."""
        memo = self._memo
        if (found := memo.get((root, context))) is not None:
            return found
        about = 0
        for fact in facts:
            about |= 1 << fact
        stack = [root]
        while stack:
            ref = stack[-1]
            if (ref, context) in memo:
                stack.pop()
                continue
            node = self.plan.nodes[ref]
            choice = isinstance(node.op, nodes.Choose)
            if facts and not self._below[ref] & about:  # the facts are about other things
                memo[ref, context] = self._evaluated(ref, {}, NOWHERE)
                continue
            open_ = [] if choice else [a for a in node.args if (a, context) not in memo]
            if open_:
                stack += open_
                continue
            stack.pop()
            self.spent += 1
            if self.spent > BUDGET or (choice and self.level >= DEPTH):
                self._assume(ref)
                result = self.base(ref)
            elif choice:
                result = self._choose(node, facts)
            else:
                args = tuple(memo[a, context] for a in node.args)
                result = self.step(ref, args)
                self._note(ref, node, args)
            if (fact_here := facts.get(ref)) is not None:
                result = meet(result, fact_here)
            memo[ref, context] = result
        return memo[root, context]

    def _assume(self, root: Ref) -> None:
        """Nothing is known about the context of what a node reads."""
        stack = [root]
        while stack:
            ref = stack.pop()
            if ref not in self._assumed:
                self._assumed.add(ref)
                node = self.plan.nodes[ref]
                self._note(ref, node, tuple(self.base(a) for a in node.args))
                stack.extend(node.args)

    def _note(self, ref: Ref, node: nodes.Node, args: tuple[Abstract, ...]) -> None:
        if isinstance(node.op, nodes.Curve | nodes.Terms):
            seen = self.arguments.get(ref)
            joined = args if seen is None else tuple(join(pair) for pair in zip(seen, args, strict=True))
            self.arguments[ref] = joined

    def _choose(self, node: nodes.Node, facts: Facts) -> Abstract:
        self.level += 1
        parts: list[Abstract] = []
        states: frozenset[State] = frozenset()
        for condition, value, here in self.branches(node, facts):
            if condition is not None:
                states |= self.of(condition, here).states
            taken = self.taken(condition, here)
            if taken is not None:
                parts.append(self.of(value, taken))
        self.level -= 1
        return join(parts).with_states(states) if parts else ANY.with_states(states)

    def branches(self, node: nodes.Node, facts: Facts) -> list[tuple[Ref | None, Ref, Facts]]:
        """The cases whose condition is asked, each with the facts that hold then. Whether a case is taken, `taken` says."""
        found: list[tuple[Ref | None, Ref, Facts]] = []
        here: Facts | None = facts
        args = node.args
        for i in range(0, len(args) - 1, 2):
            if here is None:
                return found
            found.append((args[i], args[i + 1], here))
            here = narrow(self, args[i], False, here) if False in self.of(args[i], here).truth else None
        if here is not None and len(args) % 2:
            found.append((None, args[-1], here))
        return found

    def taken(self, condition: Ref | None, here: Facts) -> Facts | None:
        """The facts under which a case is taken whose condition was asked under `here`; None where it never is."""
        if condition is None:
            return here
        return narrow(self, condition, True, here) if True in self.of(condition, here).truth else None

    # One operation ---------------------------------------------------------------------------------------------------

    def step(self, ref: Ref, args: Sequence[Abstract]) -> Abstract:
        """The range of one node from those of its arguments."""
        node = self.plan.nodes[ref]
        states = frozenset[State]().union(*(a.states for a in args)) if args else node.type.absent
        result = self._values(ref, node, args, states)
        if isinstance(node.op, STRICT) and not all(a.present for a in args):
            return replace(result, present=False)
        return result

    def _values(self, ref: Ref, node: nodes.Node, args: Sequence[Abstract], states: frozenset[State]) -> Abstract:
        match node.op:
            case nodes.Const(value=value):
                return exactly(value)
            case nodes.Cell(table=table, column=column):
                return self._cell(table, column, node, states)
            case nodes.Key(key=key):
                return self._key(key)
            case nodes.Arithmetic(op=op):
                return _arithmetic(op, args, states)
            case nodes.Negate():
                return abstract.negate(args[0]).having(states)
            case nodes.Power(exponent=exponent):
                return abstract.power(args[0], exponent, states)
            case nodes.Absolute():
                return abstract.size(args[0]).having(states)
            case nodes.Extreme(op=op):
                return abstract.extreme(op, args)
            case nodes.Compare(op=op):
                return Abstract(truth=abstract.compare(op, args[0], args[1]), states=states)
            case nodes.Among():
                return Abstract(truth=abstract.among(node.op, args[0]), states=states)
            case nodes.Logic(op=op):
                return abstract.logic(op, args)
            case nodes.Test(state=state):
                return abstract.test(state, args[0])
            case nodes.Choose():
                values = [*args[1::2], *(args[-1:] if len(args) % 2 else [])]
                conditions = args[0 : len(args) - 1 : 2]
                return join(values).with_states(frozenset[State]().union(*(c.states for c in conditions)))
            case nodes.Fallback(missing=missing):
                taken = {State.MISSING} if missing else {State.NOT_APPLICABLE, State.NOT_REPORTABLE}
                kept = args[0].having(args[0].states - taken)
                # Any cell of a file may lack its value, so `if missing` can always take its second part.
                return join((kept, args[1])) if missing or args[0].states & taken else kept
            case nodes.Round():
                zero_step = frozenset() if args[1].low is not None and args[1].low > 0 else {State.NOT_REPORTABLE}
                return Abstract(_sign_low(args[0]), _sign_high(args[0]), states=states | zero_step)
            case nodes.Root(function=function):
                safe = function == "sqrt" and args[0].low is not None and args[0].low >= 0
                extra = frozenset() if safe else frozenset({State.NOT_REPORTABLE})
                return Abstract(Fraction(0) if function == "sqrt" else None, states=states | extra)
            case nodes.Limit(distribution=name):
                most = Fraction(1) if name == "binomial" else None
                return Abstract(Fraction(0), most, states=states | {State.NOT_REPORTABLE})
            case nodes.Curve() | nodes.Terms():
                place = (ref, tuple(args))
                if place not in self._lookups:
                    self._lookups[place] = (
                        self._terms(node, args) if isinstance(node.op, nodes.Terms) else self._curve(node.op, args[0])
                    )
                return self._lookups[place].with_states(states)
            case nodes.Alias():
                if ref in self.parameters and node.type.kind is Kind.FLAG:
                    return Abstract(states=args[0].states)  # a party may negotiate it: both truths are possible
                return args[0]
            case nodes.Aggregate():
                return self._aggregate(node, args, states)
            case nodes.Split():
                funded = args[0].low is not None and args[0].low >= 0
                return Abstract(Fraction(0), args[0].high, states=states) if funded else Abstract(states=states)
            case nodes.Previous():
                return Abstract(states=self._previous(ref, node) | states)
            case nodes.DatePart() | nodes.Later():
                return Abstract(states=states)
            case _:
                assert_never(node.op)

    def _cell(self, table: str, column: str, node: nodes.Node, states: frozenset[State]) -> Abstract:
        schema = self.tables.get(table)
        found = schema.column(column) if schema else None
        labels = self.categories.get(node.type.scheme) if node.type.scheme else None
        if found is None:  # a reduce output: counts are never below zero
            counted = node.type.kind is Kind.COUNT
            return Abstract(Fraction(0) if counted else None, labels=labels, states=states)
        low, high = (None if b is None else b / found.factor for b in (found.low, found.high))
        bounded = Abstract(low, high, labels=labels, states=states)
        if isinstance(found.missing, Fraction) and (low is not None or high is not None):
            return join((bounded, exactly(found.missing / found.factor))).with_states(states)
        return bounded

    def _key(self, key: str) -> Abstract:
        if key == "year":
            return Abstract(Fraction(self.years[0]), Fraction(self.years[1]), nonzero=True)
        if key in self.categories:
            return Abstract(labels=self.categories[key])
        tops = {"half": 2, "quarter": 4, "month": 12}
        return Abstract(Fraction(1), Fraction(tops[key]), nonzero=True) if key in tops else ANY

    def _previous(self, ref: Ref, node: nodes.Node) -> frozenset[State]:
        """The states of a value one period earlier.

        What is proved of the own period holds there too if the contract says where the value starts: then every period
        that is read lies in the term. Otherwise, and on a circle, only the type is known.
        """
        op = node.op
        assert isinstance(op, nodes.Previous)
        named = self.plan.named(op.name) if op.periods and node.args else None
        if named is None or named.node >= ref:
            return node.type.absent
        proved = self._evaluated(named.node, {}, NOWHERE).states | {State.MISSING}
        return node.type.absent & proved

    def _aggregate(self, node: nodes.Node, args: Sequence[Abstract], states: frozenset[State]) -> Abstract:
        op = node.op
        key = self.plan.nodes[node.args[0]].op if node.args else None
        assert isinstance(op, nodes.Aggregate)
        if op.function == "count" and isinstance(key, nodes.Key) and op.over == (key.key,) and not op.filtered:
            labels = self.categories.get(key.key)
            if labels is not None:
                return exactly(Fraction(len(labels)))
        return _aggregate(node, args, states)

    def _curve(self, op: nodes.Curve, x: Abstract) -> Abstract:
        found = abstract.curve_range(op, x)
        held = op.name in self.forgiven or abstract.inside(op, x)
        return found if held else found.with_states({State.NOT_REPORTABLE})

    def _terms(self, node: nodes.Node, args: Sequence[Abstract]) -> Abstract:
        op = node.op
        assert isinstance(op, nodes.Terms)
        if not all(a.present for a in args):
            return NOTHING
        coverage = self.coverage(op)
        found = join(coverage.value(row) for row in coverage.reachable(args))
        return found.with_states({State.MISSING}) if self.lacking(node, args) is not None else found

    def coverage(self, op: nodes.Terms) -> Coverage:
        """The rows of a table, ordered once."""
        if id(op) not in self._coverages:
            self._coverages[id(op)] = Coverage(op)
        return self._coverages[id(op)]

    def lacking(self, node: nodes.Node, args: Sequence[Abstract]) -> tuple[Value, ...] | None:
        """Keys for which a table has no row, as an example; None when there are none."""
        assert isinstance(node.op, nodes.Terms)
        return self.coverage(node.op).lacking(args, self.whole(node))

    def whole(self, node: nodes.Node) -> tuple[bool, ...]:
        """Which arguments of a node are known to be whole numbers."""
        steps = [self.plan.nodes[a].type.step for a in node.args]
        return tuple(step is not None and step.denominator == 1 for step in steps)


NOTHING = join(())
"""No value at all."""


def _aggregate(node: nodes.Node, args: Sequence[Abstract], states: frozenset[State]) -> Abstract:
    op = node.op
    assert isinstance(op, nodes.Aggregate)
    if op.function in ("rank", "percentile_rank"):
        left_out = {State.NOT_APPLICABLE} if op.filtered else set()
        return Abstract(Fraction(0), states=states | {State.NOT_REPORTABLE} | left_out)
    missing = states & {State.MISSING}
    if op.function == "count":
        return Abstract(Fraction(0), states=missing)
    value = args[0]
    if op.function == "sum":
        alone = not op.weighted
        return Abstract(_sign_low(value) if alone else None, _sign_high(value) if alone else None, states=missing)
    balanced = not op.weighted or (args[1].low is not None and args[1].low >= 0)
    low, high = (value.low, value.high) if balanced else (None, None)
    return Abstract(low, high, states=missing | {State.NOT_REPORTABLE})


def _arithmetic(op: str, args: Sequence[Abstract], states: frozenset[State]) -> Abstract:
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
    return result.having(states)


def _sign_low(a: Abstract) -> Fraction | None:
    return Fraction(0) if a.low is not None and a.low >= 0 else None


def _sign_high(a: Abstract) -> Fraction | None:
    return Fraction(0) if a.high is not None and a.high <= 0 else None
