"""Cells of bound tables by key, and which unit has data in which period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property

from contractlang.engines import periods
from contractlang.engines.base import Column, Frame, Inputs, Table, exact
from contractlang.engines.reference.aggregates import NO_ROWS
from contractlang.plan.nodes import Plan
from contractlang.plan.rebuilding import own_period, roster_period
from contractlang.values import Absent, State, Value


class Cells:
    """Exact cells of the inputs. Every table is indexed once, when it is first read."""

    def __init__(self, inputs: Inputs) -> None:
        self._tables = inputs.tables
        self._known_on = inputs.known_on
        self._rows: dict[str, dict[tuple[str, ...], int]] = {}
        self._order: dict[str, tuple[str, ...]] = {}
        self._told: dict[tuple[str, tuple[str, ...]], int] = {}

    def keys(self, table: str) -> tuple[str, ...] | None:
        """The key names of a table, sorted; None when there is no such table."""
        if table not in self._tables:
            return None
        if table not in self._order:
            self._order[table] = tuple(sorted(self._tables[table].keys))
        return self._order[table]

    def row(self, table: str, key: Mapping[str, str]) -> int | None:
        """The row of a table for labels of (at least) its keys."""
        if (names := self.keys(table)) is None:
            return None
        labels_ = tuple(key[name] for name in names)
        told = self._told.get((table, labels_))
        if told is not None:
            return told
        if table not in self._rows:
            self._rows[table] = _index(self._tables[table], names)
        return self._rows[table].get(labels_)

    def tell(self, table: str, key: Mapping[str, str], row: int) -> None:
        """Where a key stands, so that a few reads need no index of a large table."""
        names = self.keys(table)
        if names is not None and table not in self._rows:
            self._told[table, tuple(key[name] for name in names)] = row

    def read(self, plan: Plan, table: str, column: str, key: Mapping[str, str]) -> Value:
        """The exact value of a cell in the units of the file, or why there is none."""
        output = next((o for o in plan.reduction.outputs if o.table == table), None)
        row = self.row(table, key if output is not None and output.rebuilt else in_own_period(plan, key))
        if row is not None:
            return exact(self._tables[table].columns[column], row)
        return without_row(plan, table, column) if begun(plan, self._known_on, key) else not_begun(self._known_on)


def begun(plan: Plan, known_on: str, key: Mapping[str, str]) -> bool:
    """Whether the month (or quarter, or half year) of a key inside its settled period had begun on the day of the run."""
    length = periods.LENGTHS[plan.period]
    shorter = [label for word, label in key.items() if periods.LENGTHS.get(word, length) < length]
    return not known_on or all(f"{periods.inside(s, 'month', plan.year_starts)[0]}-01" <= known_on for s in shorter)


def not_begun(known_on: str) -> Absent:
    """What a table says of a month that had not begun, and for which it has no row."""
    return Absent(State.NOT_APPLICABLE, f"not begun on {known_on}")


def in_own_period(plan: Plan, key: Mapping[str, str]) -> Mapping[str, str]:
    """A key in the period in which its rows lie: tables that are not rebuilt know no other."""
    label = key.get(plan.period)
    return key if label is None or own_period(label) == label else {**key, plan.period: own_period(label)}


def without_row(plan: Plan, table: str, column: str) -> Value:
    """What a cell says, in the units of the file, where its table has no row for the key.

    An output of the reduce stage is zero or has no rows. A column of a table that is keyed by a category follows its
    rule `when missing`, as a blank cell does: such a table lists what there is. Any other is missing.
    """
    output = next((o for o in plan.reduction.outputs if o.table == table), None)
    if output is not None and output.roster and column not in output.empty_zero:
        return Absent(State.MISSING, f"not on roster `{table.partition('.')[0]}`")
    if output is not None:
        return Fraction(0) if column in output.empty_zero else NO_ROWS
    schema = next((t for t in plan.tables if t.name == table), None)
    declared = schema.column(column) if schema is not None and schema.sparse else None
    if declared is None or declared.missing is None:
        return Absent(State.MISSING, f"no row in `{table}`")
    return declared.missing / declared.factor if isinstance(declared.missing, Fraction) else declared.missing


def _index(table: Table, names: Sequence[str]) -> dict[tuple[str, ...], int]:
    if not names:
        return {(): 0} if any(len(column) for column in table.columns.values()) else {}
    columns = [labels(table.keys[name]) for name in names]
    return {key: row for row, key in enumerate(zip(*columns, strict=True))}


def labels(column: Column) -> list[str]:
    """The labels of a key column, one per row."""
    match column.form:
        case "code":
            return [column.labels[int(code)] for code in column.values]
        case "text":
            return [str(value) for value in column.values]
        case _:
            return [str(exact(column, row)) for row in range(len(column))]


class Network:
    """Which units are there in which period.

    In a settled period these are the rows of the frame. In any other period (a baseline, the year before the term)
    they are those units of the frame for which some table has a row.
    """

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._others: dict[tuple[str, str], dict[str, dict[str, None]]] = {}

    @cached_property
    def _settled(self) -> dict[str, dict[str, None]]:
        found: dict[str, dict[str, None]] = {}
        for unit, period in zip(self.frame.units, self.frame.periods, strict=True):
            found.setdefault(period, {})[unit] = None
        return found

    @cached_property
    def _units(self) -> dict[str, None]:
        return dict.fromkeys(self.frame.units)

    @property
    def frame(self) -> Frame:
        return self._inputs.frame

    def units(self, plan: Plan, period: str | None) -> Mapping[str, None]:
        """The units of a period in the order of the frame; of all periods for None."""
        if period is None:
            return self._units
        if period in self._settled:
            return self._settled[period]
        names = (plan.unit, plan.period)
        if names not in self._others:
            self._others[names] = self._elsewhere(*names)
        found = self._others[names].get(period, {})
        if own_period(period) == period:
            return found
        own = self.units(plan, own_period(period))
        return {unit: None for unit in self._units if unit in found or unit in own}

    def _elsewhere(self, unit: str, period: str) -> dict[str, dict[str, None]]:
        found: dict[str, set[str]] = {}
        for table in self._inputs.tables.values():
            if unit in table.keys and period in table.keys:
                for name, when in zip(labels(table.keys[unit]), labels(table.keys[period]), strict=True):
                    found.setdefault(when, set()).add(name)
        return {when: {u: None for u in self._units if u in names} for when, names in found.items()}


class Levels:
    """What belongs to each unit in each period, by the rosters that the reduce stage has laid out."""

    def __init__(self, inputs: Inputs) -> None:
        self._tables = inputs.tables
        self._rows: dict[str, dict[tuple[str, str], list[dict[str, str]]]] = {}

    def labels(self, roster: str, plan: Plan, name: str, key: Mapping[str, str]) -> list[str]:
        """The labels of a level for a unit and period, and for the levels that the key has, in order.

        A base period on the roster of another has what the other has.
        """
        if roster not in self._rows:
            self._rows[roster] = self._read(roster, plan)
        unit, period = key.get(plan.unit), key.get(plan.period)
        if unit is None or period is None:
            raise KeyError(
                f"a value of `{plan.contract}` runs over each {name} without a {plan.unit} and {plan.period}"
            )
        rows = self._rows[roster].get((unit, roster_period(period)), [])
        return sorted(
            {row[name] for row in rows if all(key.get(k, label) == label for k, label in row.items() if k != name)}
        )

    def _read(self, roster: str, plan: Plan) -> dict[tuple[str, str], list[dict[str, str]]]:
        found: dict[tuple[str, str], list[dict[str, str]]] = {}
        table = self._tables.get(roster)
        if table is None:
            return found
        names = [name for name in table.keys if name not in (plan.unit, plan.period)]
        units, when = labels(table.keys[plan.unit]), labels(table.keys[plan.period])
        levels = [labels(table.keys[name]) for name in names]
        for unit, period, *own in zip(units, when, *levels, strict=True):
            found.setdefault((unit, period), []).append(dict(zip(names, own, strict=True)))
        return found
