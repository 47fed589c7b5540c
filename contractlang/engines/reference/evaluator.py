"""The evaluator: the exact value of any node of any plan of a programme, for any key.

Values are computed on demand and remembered per node and key. Each node is a generator that asks for the values it
needs and returns its own; one loop runs them on an explicit stack, so that the depth of a plan does not matter.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from fractions import Fraction

from contractlang.engines import periods
from contractlang.engines.base import Inputs, Programme
from contractlang.engines.reference import aggregates, operations
from contractlang.engines.reference.cells import Cells, Levels, Network
from contractlang.engines.reference.scalar import apply
from contractlang.engines.reference.splitting import split
from contractlang.plan.nodes import Aggregate, Cell, Choose, Const, Fallback, Key, Plan, Previous, Split
from contractlang.plan.rebuilding import own_period, rebuilt_label, roster_period
from contractlang.values import Absent, State, Value

NETWORK = "network"

Goal = tuple[int, int, tuple[str, ...]]
"""A value to compute: number of the plan, node, and labels of the node's keys in the order of their names."""

Steps = Generator[Goal, Value, Value]


class Evaluator:
    """Exact values of a programme over its inputs.

    `programme.plans` covers the term from its first period on: a period before the first one lies before the start of
    the term. Where another period is outside the programme, the plan that asks governs it.
    """

    def __init__(self, programme: Programme, inputs: Inputs) -> None:
        self.programme = programme
        self.inputs = inputs
        self._cells = Cells(inputs)
        self._network = Network(inputs)
        self._levels = Levels(inputs)
        self._plans: list[Plan] = []
        self._numbers: dict[int, int] = {}
        self._keys: list[list[tuple[str, ...]]] = []
        self._memo: dict[Goal, Value] = {}
        self._groups: dict[tuple[Goal, tuple[str, ...]], list[Fraction] | Absent] = {}
        self._shares: dict[tuple[Goal, tuple[str, ...]], dict[tuple[str, ...], Fraction] | Absent] = {}
        self._first = min(programme.plans, key=periods.place, default=None)

    def value(self, plan: Plan, node: int, key: Mapping[str, str]) -> Value:
        """The exact value of a node. `key` has at least the labels of the node's grain: unit, period, categories."""
        return self._run(self._goal(self._number(plan), node, key))

    def remember(self, plan: Plan, node: int, key: Mapping[str, str], value: Value) -> None:
        """Take over a value that was computed exactly elsewhere."""
        self._memo[self._goal(self._number(plan), node, key)] = value

    def tell(self, table: str, key: Mapping[str, str], row: int) -> None:
        """Where a key stands in a table, so that a few reads of a large table need no index."""
        self._cells.tell(table, key, row)

    def forget(self) -> None:
        """Drop the values that vary by unit, which a pass over many units would otherwise pile up."""
        shared = {goal for goal in self._memo if self._plans[goal[0]].unit not in self._keys[goal[0]][goal[1]]}
        self._memo = {goal: self._memo[goal] for goal in shared}

    def keys(self, plan: Plan, node: int) -> tuple[str, ...]:
        """The keys of a node in the order in which `expand` lists their labels: unit, period, categories by name."""
        first = [k for k in (plan.unit, plan.period) if k in plan.nodes[node].type.grain]
        return (*first, *sorted(plan.nodes[node].type.grain - {plan.unit, plan.period}))

    def expand(self, plan: Plan, node: int, key: Mapping[str, str]) -> list[dict[str, str]]:
        """All keys of a node's grain that agree with `key`, which has a unit and a period; categories in order."""
        found: list[dict[str, str]] = [{}]
        for name in self.keys(plan, node):
            found = [
                own | {name: label}
                for own in found
                for label in ([key[name]] if name in key else self._labels(plan, name, {**key, **own}))
            ]
        return found

    def units(self, plan: Plan, period: str | None) -> Sequence[str]:
        """The units that `network` means in a period."""
        return list(self._network.units(plan, period))

    def before_term(self, period: str) -> bool:
        """Whether a period lies before the first one of the programme."""
        return self._first is not None and periods.place(period) < periods.place(self._first)

    def rows(self, plan: Plan, node: int, key: Mapping[str, str]) -> list[dict[str, str]]:
        """The keys that an aggregate or a split runs over, for one key of the node, in order."""
        op = plan.nodes[node].op
        assert isinstance(op, Aggregate | Split)  # noqa: S101 - asked of aggregates and splits only
        return [dict(key) | row for row in self._over(plan, op, key)]

    def elsewhere(
        self, plan: Plan, node: int, key: Mapping[str, str]
    ) -> list[tuple[Plan, int, dict[str, str], Fraction]]:
        """Where a `Previous` node reads, for one key: plan, node, key and weight; empty before the term or without a row."""
        op = plan.nodes[node].op
        assert isinstance(op, Previous)  # noqa: S101 - asked of `Previous` only
        found = []
        for period, weight in self._targets(plan, op, key):
            target = self._target(plan, op, period, key)
            if isinstance(target, tuple):
                other, index = target
                found.append((other, index, dict(key) | {plan.period: period}, weight))
        return found

    def _number(self, plan: Plan) -> int:
        number = self._numbers.get(id(plan))
        if number is None:
            number = self._numbers[id(plan)] = len(self._plans)
            self._plans.append(plan)  # also keeps the plan alive, so that its id stays its own
            self._keys.append([tuple(sorted(n.type.grain)) for n in plan.nodes])
        return number

    def _goal(self, number: int, node: int, key: Mapping[str, str]) -> Goal:
        return (
            number,
            node,
            tuple([key[k] if k in key else self._derived(number, k, key) for k in self._keys[number][node]]),
        )

    def _derived(self, number: int, name: str, key: Mapping[str, str]) -> str:
        """A longer period that contains a shorter one of the key, as where a yearly value is read at a month."""
        if name in periods.WORDS:
            for other, label in key.items():
                if other in periods.WORDS and periods.LENGTHS[other] < periods.LENGTHS[name]:
                    return periods.containing(label, name, self._plans[number].year_starts)
        raise KeyError(f"a value of `{self._plans[number].contract}` is read without its key `{name}`")

    def _run(self, wanted: Goal) -> Value:
        memo = self._memo
        if wanted in memo:
            return memo[wanted]
        stack = [(wanted, self._steps(wanted))]
        running = {wanted}
        answer: Value | None = None
        while stack:
            goal, steps = stack[-1]
            try:
                needed = next(steps) if answer is None else steps.send(answer)
            except StopIteration as done:
                answer = memo[goal] = done.value
                running.discard(goal)
                stack.pop()
                continue
            answer = memo.get(needed)
            if answer is None:
                if needed in running:
                    raise RecursionError(f"node {needed[1]} of `{self._plans[needed[0]].contract}` needs itself")
                running.add(needed)
                stack.append((needed, self._steps(needed)))
        return memo[wanted]

    def _steps(self, goal: Goal) -> Steps:
        number, index, labels = goal
        plan = self._plans[number]
        node = plan.nodes[index]
        key = dict(zip(self._keys[number][index], labels, strict=True))
        args = node.args

        def goals() -> list[Goal]:
            return [self._goal(number, arg, key) for arg in args]

        match node.op:
            case Const(constant):
                return constant
            case Cell(table, column):
                return self._cells.read(plan, table, column, key)
            case Key(name):
                return _key_value(name, key, plan.year_starts)
            case Choose():
                return (yield from _choose(goals()))
            case Fallback(missing):
                first, second = goals()
                value = yield first
                return (yield second) if operations.falls_back(value, missing=missing) else value
            case Aggregate() as op:
                return (yield from self._aggregate(goal, op, key))
            case Split() as op:
                return (yield from self._split(goal, op, key))
            case Previous() as op:
                return (yield from self._previous(goal, op, key))
            case op:
                return apply(op, (yield from _all(goals())))

    # Aggregates

    def _labels(self, plan: Plan, name: str, key: Mapping[str, str]) -> Sequence[str]:
        """The labels of a key that an aggregate or an expansion runs over."""
        if name in (NETWORK, plan.unit):
            return list(self._network.units(plan, key.get(plan.period)))
        for category, labels in plan.categories:
            if category == name:
                return labels
        for level, roster in plan.levels:
            if level == name:
                return self._levels.labels(roster, plan, name, key)
        if name in periods.WORDS and plan.period in key:
            return periods.inside(key[plan.period], name, plan.year_starts)
        raise KeyError(f"`{plan.contract}` has no labels for the key `{name}`")

    def _over(self, plan: Plan, op: Aggregate | Split, key: Mapping[str, str]) -> list[dict[str, str]]:
        names = [plan.unit if name == NETWORK else name for name in op.over]
        if any(name in names for name, _ in plan.levels):
            names.sort(key=lambda name: name != plan.unit)  # what belongs to a unit is asked when the unit is known
        keys: list[dict[str, str]] = [{}]
        for name in names:
            keys = [row | {name: label} for row in keys for label in self._labels(plan, name, {**key, **row})]
        others = isinstance(op, Aggregate) and op.except_own
        return [k for k in keys if k[plan.unit] != key[plan.unit]] if others else keys

    def _aggregate(self, goal: Goal, op: Aggregate, key: Mapping[str, str]) -> Steps:
        number, index, _ = goal
        plan = self._plans[number]
        if op.function not in aggregates.COMPARING:
            rows = yield from self._read(number, index, [dict(key) | own for own in self._over(plan, op, key)])
            counting = aggregates.left(rows)
            return counting if isinstance(counting, Absent) else aggregates.combine(op.function, counting, op.argument)
        own = (yield from self._read(number, index, [key]))[0]
        if own.absent is not None:
            return own.absent
        if own.kept is False:
            return aggregates.LEFT_OUT
        ordered = yield from self._ordered(number, index, op, key)
        return (
            ordered
            if isinstance(ordered, Absent)
            else aggregates.place(op.function, operations.number(own.value), ordered)
        )

    def _read(
        self, number: int, index: int, keys: Sequence[Mapping[str, str]]
    ) -> Generator[Goal, Value, list[aggregates.Row]]:
        """The rows of an aggregate: value, weight and condition where it has them."""
        node = self._plans[number].nodes[index]
        op = node.op
        assert isinstance(op, Aggregate)  # noqa: S101 - narrows the type
        args = list(node.args)
        condition = args.pop() if op.filtered else None
        weight = args.pop() if op.weighted else None
        rows = []
        for key in keys:
            kept: Value = True if condition is None else (yield self._goal(number, condition, key))
            value: Value = (yield self._goal(number, args[0], key)) if args else Fraction(1)
            share: Value = Fraction(1) if weight is None else (yield self._goal(number, weight, key))
            rows.append(aggregates.Row(value, share, kept))
        return rows

    def _ordered(
        self, number: int, index: int, op: Aggregate, key: Mapping[str, str]
    ) -> Generator[Goal, Value, list[Fraction] | Absent]:
        """All values that a rank compares, in ascending order; one list serves every row of the same group."""
        plan = self._plans[number]
        removed = {plan.unit if name == NETWORK else name for name in op.over}
        group = (number, index, ()), tuple(label for name, label in sorted(key.items()) if name not in removed)
        if group not in self._groups:
            rows = yield from self._read(number, index, [dict(key) | own for own in self._over(plan, op, key)])
            counting = aggregates.left(rows)
            self._groups[group] = (
                counting if isinstance(counting, Absent) else sorted(operations.number(row.value) for row in counting)
            )
        return self._groups[group]

    # Splits

    def shares(self, plan: Plan, node: int, key: Mapping[str, str]) -> dict[tuple[str, ...], Fraction] | Absent:
        """All shares of a `Split` node, by the labels of the keys in `over`; or why there are none."""
        self.value(plan, node, key)
        op = plan.nodes[node].op
        assert isinstance(op, Split)  # noqa: S101 - asked of splits only
        return self._shares.get(self._fund(self._number(plan), node, op, key), {})

    def _fund(
        self, number: int, index: int, op: Split, key: Mapping[str, str]
    ) -> tuple[tuple[int, int, tuple[str, ...]], tuple[str, ...]]:
        """What the shares of one fund have in common: the node, and the labels of the other keys."""
        removed = {self._plans[number].unit if name == NETWORK else name for name in op.over}
        kept = (name for name in self._keys[number][index] if name not in removed)
        return (number, index, ()), tuple(key[name] for name in kept)

    def _split(self, goal: Goal, op: Split, key: Mapping[str, str]) -> Steps:
        """The own share: $0 where the condition is no, else an absence of the row's own or of the whole, else the share."""
        number, index, _ = goal
        plan = self._plans[number]
        args = plan.nodes[index].args
        kept: Value = True if not op.filtered else (yield self._goal(number, args[2], key))
        if kept is False:
            return Fraction(0)
        weight = yield self._goal(number, args[1], key)
        if absent := operations.strongest((weight, kept)):
            return absent
        group = self._fund(number, index, op, key)
        if group not in self._shares:
            self._shares[group] = yield from self._all_shares(number, index, op, key)
        found = self._shares[group]
        names = [plan.unit if name == NETWORK else name for name in op.over]
        return found if isinstance(found, Absent) else found[tuple(key[name] for name in names)]

    def _all_shares(
        self, number: int, index: int, op: Split, key: Mapping[str, str]
    ) -> Generator[Goal, Value, dict[tuple[str, ...], Fraction] | Absent]:
        args = self._plans[number].nodes[index].args
        weights: dict[tuple[str, ...], Fraction] = {}
        rows = self._over(self._plans[number], op, key)
        for own in sorted(rows, key=lambda row: tuple(row.values())):
            kept: Value = True if not op.filtered else (yield self._goal(number, args[2], dict(key) | own))
            if kept is False:
                continue
            weight = yield self._goal(number, args[1], dict(key) | own)
            absent = operations.strongest((weight, kept))
            if absent is None:
                weights[tuple(own.values())] = operations.number(weight)
            elif absent.state is State.MISSING:
                return absent
        fund = yield self._goal(number, args[0], key)
        if isinstance(fund, Absent):
            return fund
        shares = split(operations.number(fund), list(weights.values()), op.unit)
        return shares if isinstance(shares, Absent) else dict(zip(weights, shares, strict=True))

    # Other periods

    def _targets(self, plan: Plan, op: Previous, key: Mapping[str, str]) -> Sequence[tuple[str, Fraction]]:
        if not op.rebuilt:
            return op.at or ((periods.earlier(key[plan.period], op.periods), Fraction(1)),)
        now = roster_period(key[plan.period])
        return [(rebuilt_label(period, now) if period < now else period, weight) for period, weight in op.at]

    def _target(self, plan: Plan, op: Previous, period: str, key: Mapping[str, str]) -> tuple[Plan, int] | Absent:
        """The plan that governs another period and the node of the name in it, or why there is no value."""
        governing = self.programme.plan(own_period(period)) or plan
        named = governing.named(op.name)
        if named is None:
            return Absent(State.NOT_APPLICABLE, f"no `{op.name}` in {period}")
        grain = governing.nodes[named.node].type.grain
        finer = sorted(grain - {governing.period} - set(key))
        if finer:
            return Absent(State.MISSING, f"`{op.name}` varies by {', '.join(finer)} in {period}")
        # A unit without any row in a period that others have data for has nobody in it: sums of member rows are zero,
        # rates not reportable, cells of its own inputs missing.
        there = bool(self._network.units(governing, period)) or (
            governing.unit not in grain and not _reads_network(governing, named.node)
        )
        return (governing, named.node) if there else Absent(State.MISSING, f"no data for {period}")

    def _previous(self, goal: Goal, op: Previous, key: Mapping[str, str]) -> Steps:
        number, index, _ = goal
        plan = self._plans[number]
        args = plan.nodes[index].args
        targets = self._targets(plan, op, key)
        if args and self.before_term(targets[0][0]):
            return (yield self._goal(number, args[0], key))
        found: list[tuple[Value, Fraction]] = []
        for period, weight in targets:
            target = self._target(plan, op, period, key)
            if isinstance(target, Absent):
                found.append((target, weight))
                continue
            other, node = target
            found.append(((yield self._goal(self._number(other), node, dict(key) | {plan.period: period})), weight))
        if absent := operations.strongest(value for value, _ in found):
            return absent
        if len(found) == 1:
            return found[0][0]
        total = sum((weight for _, weight in found), Fraction(0))
        summed = sum((operations.number(value) * weight for value, weight in found), Fraction(0))
        return summed / total if total else operations.ZERO_DENOMINATOR


def _key_value(name: str, key: Mapping[str, str], year_starts: int) -> Value:
    """The label of a key; of a period its number, from the shortest period that the key has."""
    if name not in periods.WORDS:
        return key[name]
    known = [(periods.LENGTHS[k], label) for k, label in key.items() if k in periods.WORDS]
    word, year, ordinal = periods.parts(periods.containing(key.get(name) or min(known)[1], name, year_starts))
    return Fraction(year if word == "year" else ordinal)


def _all(goals: Sequence[Goal]) -> Generator[Goal, Value, list[Value]]:
    found = []
    for goal in goals:
        value = yield goal
        found.append(value)
    return found


def _choose(goals: Sequence[Goal]) -> Steps:
    for i in range(0, len(goals) - 1, 2):
        condition = yield goals[i]
        if isinstance(condition, Absent):
            return condition
        if condition:
            return (yield goals[i + 1])
    return (yield goals[-1]) if len(goals) % 2 else operations.NO_CASE


def _reads_network(plan: Plan, node: int) -> bool:
    """Whether a value depends on the other units."""
    seen, waiting = set[int](), [node]
    while waiting:
        index = waiting.pop()
        if index in seen:
            continue
        seen.add(index)
        op = plan.nodes[index].op
        if isinstance(op, Aggregate | Split) and NETWORK in op.over:
            return True
        waiting.extend(plan.nodes[index].args)
    return False
