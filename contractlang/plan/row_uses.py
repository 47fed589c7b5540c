"""What a plan asks of the rows of each table: columns that must have a value, months that are read, member-months."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from contractlang.plan.lowering.reduction import MEMBER_KEY, MONTHS, UNIT
from contractlang.plan.nodes import Plan, Previous
from contractlang.plan.relations import Derive, Filter, Group, Join, Relation, RowExpr, Scan, Union
from contractlang.plan.rewrites.columns import wanted


@dataclass(frozen=True, slots=True)
class RowUse:
    """How the rows of one member-level table are read.

    `needed`: columns whose missing value makes a sum missing. `unit`: the column that says whose row it is (None: no
    column alone does). `months`: the column that holds a row's member-months; `counts_months`: each row stands for one
    where there is no such column. `ahead`: for how many further settlement periods a row is read (a look-back).
    """

    needed: frozenset[str] = frozenset()
    unit: str | None = None
    months: str | None = None
    counts_months: bool = False
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class PeriodsRead:
    """The settlement periods that are read: of the term and by name; `earlier`, any before the term as well."""

    labels: frozenset[str]
    earlier: bool = False


def row_uses(plans: Iterable[Plan]) -> dict[str, RowUse]:
    """The uses of every table that a reduction scans, over all plans."""
    found: dict[str, RowUse] = {}
    for plan in plans:
        for table, use in _of_plan(plan).items():
            before = found.get(table, use)
            found[table] = RowUse(
                before.needed | use.needed,
                use.unit if use.unit == before.unit else None,
                use.months if use.months == before.months else None,
                use.counts_months or before.counts_months,
                max(use.ahead, before.ahead),
            )
    return found


def periods_read(plans: Mapping[str, Plan]) -> PeriodsRead:
    """The periods that the plans (by label of the term) read."""
    found = set(plans)
    earlier = False
    for plan in plans.values():
        for node in plan.nodes:
            if isinstance(node.op, Previous):
                found.update(label for label, _ in node.op.at)
                earlier = earlier or (bool(node.op.periods) and not node.args)
    return PeriodsRead(frozenset(found), earlier)


@dataclass(frozen=True, slots=True)
class _Columns:
    """The steps of a reduction, and for each the table and column of a scan that one of its columns is a copy of."""

    relations: Mapping[str, Relation]

    def tables(self, step: str) -> frozenset[str]:
        match relation := self.relations[step]:
            case Scan(table):
                return frozenset({table})
            case Derive(source) | Filter(source) | Group(source):
                return self.tables(source)
            case Join(left):
                return self.tables(left)
            case Union(sources):
                return frozenset[str]().union(*(self.tables(source) for source in sources))
            case _:
                raise TypeError(relation)

    def scanned(self, step: str, name: str) -> Iterator[tuple[str, str]]:
        """Table and column of the scans from which a column comes unchanged."""
        match self.relations[step]:
            case Scan(table, columns):
                if name in columns:
                    yield table, name
            case Derive(source, columns):
                own = dict(columns).get(name)
                if own is None:
                    yield from self.scanned(source, name)
                else:
                    for below in _strict(own):
                        yield from self.scanned(source, below)
            case Filter(source):
                yield from self.scanned(source, name)
            case Join(left, right, _, columns):
                added = next((column for column, new in columns if new == name), None)
                yield from self.scanned(left, name) if added is None else self.scanned(right, added)
            case Union(sources):
                for source in sources:
                    yield from self.scanned(source, name)
            case Group():
                pass


def _strict(e: RowExpr) -> set[str]:
    """The columns without whose value an expression has none."""
    match e:
        case RowExpr("column"):
            return {str(e.value)}
        case RowExpr("missing"):
            return set()
        case RowExpr("case", args):
            found: set[str] = set()
            guarded: set[str] = set()
            for i in range(0, len(args) - 1, 2):
                condition, value = args[i], args[i + 1]
                if condition.op == "missing" and not (value.op == "const" and value.value is None):
                    guarded |= _strict(condition.args[0])
                else:
                    found |= _strict(condition.args[0] if condition.op == "missing" else condition) | _strict(value)
            if len(args) % 2:
                found |= _strict(args[-1])
            return found - guarded
        case _:
            return {name for arg in e.args for name in _strict(arg)}


def _of_plan(plan: Plan) -> dict[str, RowUse]:
    reduction = plan.reduction
    columns = _Columns({step.name: step.relation for step in reduction.steps})
    read = wanted(reduction)
    needed: dict[str, set[str]] = {}
    for step in reduction.steps:
        if isinstance(step.relation, Scan):
            needed.setdefault(step.relation.table, set())
        if isinstance(step.relation, Group) and step.name in read:
            for table, column in _summed(columns, step.relation, read[step.name]):
                needed.setdefault(table, set()).add(column)
    uses = {table: RowUse(frozenset(names)) for table, names in needed.items()}
    for step in reduction.steps:
        match step.relation:
            case Derive(source, added) if any(name == MONTHS for name, _ in added):
                months = dict(added)[MONTHS]
                for table in columns.tables(source):
                    plain = str(months.value) if months.op == "column" else None
                    uses[table] = _with(uses[table], months=plain, counts=months.op == "const")
            case Derive(source, added) if (unit := dict(added).get(UNIT)) is not None and unit.op == "column":
                for table in columns.tables(source):
                    uses[table] = _with(uses[table], unit=str(unit.value))
            case _:
                pass
        if isinstance(step.relation, Derive):
            ahead = max((_later(e) for _, e in step.relation.columns), default=0)
            for table in columns.tables(step.relation.input) if ahead else ():
                uses[table] = _with(uses[table], ahead=ahead)
    return uses


def _summed(columns: _Columns, group: Group, read: Collection[str]) -> Iterator[tuple[str, str]]:
    for measure in group.measures:
        if measure.name in read and measure.operand is not None and measure.function in ("sum", "min", "max"):
            for name in _strict(measure.operand):
                if name != MEMBER_KEY:
                    yield from columns.scanned(group.input, name)


def _later(e: RowExpr) -> int:
    own = int(str(e.value)) if e.op == "later" else 0
    return max([own, *(_later(arg) for arg in e.args)])


def _with(
    use: RowUse, *, unit: str | None = None, months: str | None = None, counts: bool = False, ahead: int = 0
) -> RowUse:
    return RowUse(
        use.needed, unit or use.unit, months or use.months, counts or use.counts_months, max(ahead, use.ahead)
    )
