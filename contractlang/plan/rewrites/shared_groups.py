"""One pass over member rows for all that is added up over them.

Groups over the same rows are computed from one finer group, which reads the rows once: sums of sums, counts as sums,
extremes of extremes. Conditions under which a row counts become keys of the finer group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from contractlang.plan.relations import (
    Derive,
    Filter,
    Group,
    Join,
    Measure,
    Reduction,
    Relation,
    RowExpr,
    Step,
)
from contractlang.plan.rewrites.columns import available, ordered
from contractlang.plan.rewrites.paths import Lookup, Path, path_to, plain


@dataclass(frozen=True, slots=True)
class _Consumer:
    """A group over the rows of a path. `keys` are expressions over the start of the path, in plain form."""

    step: Step
    group: Group
    path: Path
    keys: tuple[RowExpr, ...]

    @property
    def fine(self) -> set[RowExpr]:
        """What a finer group needs as keys so that this one can be computed from it."""
        distinct = [m.operand for m in self.group.measures if m.function == "count_distinct" and m.operand is not None]
        return {*self.keys, *(plain(self.path.expression(e)) for e in distinct)}

    @property
    def tests(self) -> set[RowExpr]:
        """What decides whether a row counts: the reason where the condition is that there is none."""
        return {_decides(plain(condition)) for condition in self.path.conditions}

    @property
    def fixed(self) -> set[RowExpr]:
        """Keys of the finer group that are the same for all rows that count."""
        return {_decides(plain(c)) for c in self.path.conditions}


def _decides(condition: RowExpr) -> RowExpr:
    return condition.args[0] if condition.op == "missing" else condition


def shared_groups(reduction: Reduction) -> Reduction:
    """Groups over the same rows, computed from one finer group where one can serve them, else from a few."""
    steps = {step.name: step for step in reduction.steps}
    families: dict[str, list[_Consumer]] = {}
    for step in reduction.steps:
        if isinstance(step.relation, Group):
            path = path_to(step.relation.input, steps)
            keys = tuple(plain(path.column(key)) for key in step.relation.keys)
            families.setdefault(path.start, []).append(_Consumer(step, step.relation, path, keys))
    for start, consumers in families.items():
        relation = steps[start].relation
        rows = {RowExpr("column", value=key) for key in relation.keys} if isinstance(relation, Group) else None
        left, number = consumers, 1
        while len(left) > 1:
            chosen, by = _together(left)
            left = [c for c in left if c not in chosen]
            # Rows that are groups of these keys already would not become fewer.
            if len(chosen) > 1 and not (rows is not None and rows <= set(by)):
                name = f"{start} (shared)" if number == 1 else f"{start} (shared {number})"
                reduction, number = _shared(reduction, start, name, chosen, by), number + 1
    return reduction


def _together(consumers: Sequence[_Consumer]) -> tuple[list[_Consumer], list[RowExpr]]:
    """The groups that the finest of them can serve, and the keys of the finer group, in a stable order."""
    best: list[_Consumer] = []
    for finest in consumers:
        tests = set().union(*(c.tests for c in consumers))
        served = [c for c in consumers if c.fine - tests <= finest.fine]
        if len(served) > len(best):
            best = served
    wanted = [e for c in best for e in (*c.keys, *sorted(c.fine | c.tests, key=repr))]
    return best, list(dict.fromkeys(wanted))


@dataclass
class _Finer:
    """The finer group while it is put together."""

    name: str
    origin: Step
    taken: set[str]
    steps: list[Step] = field(default_factory=list)
    matched: dict[RowExpr, str] = field(default_factory=dict)
    keys: dict[RowExpr, str] = field(default_factory=dict)
    measures: dict[tuple[str, RowExpr | None, RowExpr | None], Measure] = field(default_factory=dict)
    last: str = ""

    def add(self, suffix: str, relation: Relation, description: str) -> None:
        self.last = f"{self.name}{suffix}"
        self.steps.append(Step(self.last, relation, self.origin.origin, description))

    def free(self, name: str) -> str:
        number, found = 1, name
        while found in self.taken:
            number, found = number + 1, f"{name} {number + 1}"
        self.taken.add(found)
        return found

    def measure(self, name: str, function: str, operand: RowExpr | None, by: RowExpr | None = None) -> RowExpr:
        """The column of a measure, as an expression over the finer group."""
        key = (function, None if operand is None else plain(operand), None if by is None else plain(by))
        if key not in self.measures:
            self.measures[key] = Measure(self.free(name), function, operand, by)
        kind, scale = ("int", 0) if operand is None else (operand.kind, operand.scale)
        return RowExpr("column", value=self.measures[key].name, kind=kind, scale=scale)

    def column(self, e: RowExpr) -> RowExpr:
        """The key column of an expression."""
        return RowExpr("column", value=self.keys[plain(e)], kind=e.kind)


def _shared(
    reduction: Reduction, start: str, name: str, consumers: Sequence[_Consumer], keys: Sequence[RowExpr]
) -> Reduction:
    finer = _Finer(name, consumers[0].step, set(available(reduction)[start]), last=start)
    lookups = list(dict.fromkeys(lookup for c in consumers for lookup in c.path.lookups))
    for number, lookup in enumerate(lookups, 1):
        _look_up(finer, lookup, number)
    made: list[tuple[str, RowExpr]] = []
    originals = _originals(consumers)
    for key in keys:
        if key.op == "column":
            finer.keys[key] = str(key.value)
        elif key in finer.matched:
            finer.keys[key] = finer.matched[key]
        else:
            name, e = originals[key]
            finer.keys[key] = finer.free(name)
            made.append((finer.keys[key], e))
    finer.add(" keys", Derive(finer.last, tuple(made)), "what the rows are grouped by")
    source = finer.last
    changed = {c.step.name: _from_finer(finer, c) for c in consumers}
    finer.steps.append(
        Step(
            finer.name,
            Group(source, tuple(finer.keys.values()), tuple(finer.measures.values())),
            consumers[0].step.origin,
            f"all sums over {start}",
        )
    )
    steps = list(finer.steps)
    for step in reduction.steps:
        steps.extend(changed.get(step.name, [step]))
    result = ordered(steps)
    return reduction if result is None else replace(reduction, steps=result)


def _originals(consumers: Sequence[_Consumer]) -> dict[RowExpr, tuple[str, RowExpr]]:
    """For each plain key its expression with kinds and scales, and a name."""
    found: dict[RowExpr, tuple[str, RowExpr]] = {}
    for c in consumers:
        for name in c.group.keys:
            e = c.path.column(name)
            found.setdefault(plain(e), (name, e))
    for c in consumers:
        for measure in c.group.measures:
            if measure.operand is not None:
                e = c.path.expression(measure.operand)
                found.setdefault(plain(e), (measure.name, e))
        for condition in c.path.conditions:
            e = _decides(condition)
            found.setdefault(plain(e), ("counts", e))
    return found


def _look_up(finer: _Finer, lookup: Lookup, number: int) -> None:
    """Join a lookup; what it is matched on becomes a column first."""
    made, on = [], []
    for e, there in lookup.on:
        here = str(e.value) if e.op == "column" else finer.matched.get(plain(e))
        if here is None:
            here = finer.matched[plain(e)] = finer.free(there)
            made.append((here, e))
        on.append((here, there))
    if made:
        finer.add(f" match {number}", Derive(finer.last, tuple(made)), "what a lookup is matched on")
    finer.taken.update(name for _, name in lookup.columns)
    join = Join(finer.last, lookup.right, tuple(on), lookup.columns, left=True)
    finer.add(f" lookup {number}", join, f"values of {lookup.right}")


def _from_finer(finer: _Finer, consumer: _Consumer) -> list[Step]:
    """The steps that compute a group from the finer one; the last has the name of the group."""
    step, path, source = consumer.step, consumer.path, finer.name
    steps: list[Step] = []

    def before(suffix: str, relation: Relation) -> str:
        steps.append(replace(step, name=f"{step.name} {suffix}", relation=relation))
        return steps[-1].name

    tests = [_test(finer, condition) for condition in path.conditions]
    if tests:
        condition = tests[0] if len(tests) == 1 else RowExpr("and", tuple(tests), kind="flag")
        source = before("(counted)", Filter(source, condition))
    renamed = tuple((k, finer.column(path.column(k))) for k in consumer.group.keys)
    renamed = tuple((k, e) for k, e in renamed if e.value != k)
    free = set(finer.keys) - consumer.fixed
    measures = {m.name: _measure(finer, consumer, m, free) for m in consumer.group.measures}
    if free == set(consumer.keys) - consumer.fixed and not any(
        m.function == "count_distinct" for m in measures.values()
    ):
        # A group of one row each: nothing is left to add up.
        columns = tuple((name, m.operand) for name, m in measures.items() if m.operand is not None)
        steps.append(replace(step, relation=Derive(source, (*renamed, *columns))))
        return steps
    if renamed:
        source = before("(keys)", Derive(source, renamed))
    group = Group(source, consumer.group.keys, tuple(measures.values()))
    steps.append(replace(step, relation=group))
    return steps


def _test(finer: _Finer, condition: RowExpr) -> RowExpr:
    column = finer.column(_decides(condition))
    return replace(condition, args=(column,)) if condition.op == "missing" else column


def _measure(finer: _Finer, consumer: _Consumer, measure: Measure, free: set[RowExpr]) -> Measure:
    """A measure of the group over the rows of the finer one."""
    path, name = consumer.path, measure.name
    operand = None if measure.operand is None else path.expression(measure.operand)
    match measure.function:
        case "count":
            return Measure(name, "sum", finer.measure("rows", "count", None))
        case "count_distinct" if operand is not None:
            column = finer.column(operand)
            if free <= {*consumer.keys, plain(operand)}:
                # Every row of the finer group is another value: count the rows.
                unknown = RowExpr("missing", (column,), kind="flag")
                one = RowExpr("case", (unknown, RowExpr("const", value=None), RowExpr("const", value=1)))
                return Measure(name, "sum", one)
            return Measure(name, "count_distinct", column)
        case "last" if measure.by is not None and operand is not None:
            by = path.expression(measure.by)
            moment = finer.measure("last moment", "max", by)
            value = finer.column(operand) if plain(operand) in finer.keys else finer.measure(name, "last", operand, by)
            return Measure(name, "last", value, moment)
        case function if operand is not None:
            return Measure(name, function, finer.measure(name, function, operand))
        case _:
            raise ValueError(f"no measure `{measure.function}` without an operand")
