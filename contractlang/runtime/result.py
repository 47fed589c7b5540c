"""The outcome of a run: who is settled, held or not settled, every named value, and what the guarantees say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from functools import cached_property

import numpy as np

from contractlang.engines.base import Bytes, Inputs, Ints, Programme, Settlement
from contractlang.plan.nodes import Assertion, Assumption, Named, Plan
from contractlang.runtime.controls import Outcome
from contractlang.runtime.provenance import Point, Provenance
from contractlang.runtime.set_aside import SetAside, incomplete
from contractlang.runtime.steps import in_contract_order
from contractlang.semantics.types import Grain, Type
from contractlang.values import Value


class Status(IntEnum):
    """What became of a group in a period."""

    SETTLED = 0
    HELD = 1
    NOT_SETTLED = 2

    @property
    def words(self) -> str:
        return ("settled", "held", "not settled")[self]


@dataclass(frozen=True, slots=True)
class Name:
    """A named value with its type; `place` is the `file:line` of its clause in the latest contract that has it."""

    named: Named
    type: Type

    @property
    def name(self) -> str:
        return self.named.name

    @property
    def place(self) -> str:
        return self.named.origin.place


@dataclass(frozen=True, slots=True)
class Guarantee:
    """A guarantee checked on the settled rows. `condition_known` is False where it can only be proved."""

    assertion: Assertion
    held: int
    failed: Sequence[int]
    unknown: int
    condition_known: bool = True

    @property
    def words(self) -> str:
        """`held on 475 of 475 rows; not proved`."""
        if not self.condition_known:
            return "not checked: needs a proof"
        rows = self.held + len(self.failed) + self.unknown
        return f"held on {self.held:,} of {rows:,} rows; not proved"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A group that is not settled in a period and takes no part in `over network`; it has no row in the frame."""

    group: str
    period: str
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentTotal:
    """One payment in one period: rows settled and the totals in dollars, paid to the groups and owed by them."""

    name: str
    period: str
    settled: int
    paid: Fraction
    owed: Fraction
    held: int
    not_settled: int

    @property
    def net(self) -> Fraction:
        return self.paid + self.owed


@dataclass(frozen=True)
class Result:
    """Everything that a run found out; values are asked for by name.

    `rows` are the rows of `settlement.frame` that the run reports, in order; `status` and `reasons` are by frame row.
    `set_aside` are the rows that a lenient run did without. `accounts` holds, per plan (by `id`) and block, what a population or spending block counted and left out.
    """

    programme: Programme
    inputs: Inputs
    settlement: Settlement
    rows: Ints
    status: Bytes
    reasons: Mapping[int, str]
    engine: str
    guarantees: tuple[Guarantee, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    controls: tuple[Outcome, ...] = ()
    accounts: Mapping[int, Mapping[str, Sequence[Mapping[str, object]]]] = field(default_factory=dict)
    set_aside: tuple[SetAside, ...] = ()

    @cached_property
    def plans(self) -> list[Plan]:
        """The plans that govern the reported rows, in order of time."""
        used = set(self.periods)
        return list({id(p): p for label, p in self.programme.plans.items() if label in used}.values())

    @cached_property
    def periods(self) -> list[str]:
        """Labels of the reported periods, in order of time."""
        labels = self.settlement.frame.periods
        found = {labels[row] for row in self.rows}
        return [label for label in self.programme.plans if label in found]

    @property
    def plan(self) -> Plan:
        """The latest plan: it gives names and headings that all periods share."""
        return self.plans[-1]

    @cached_property
    def provenance(self) -> Provenance:
        return Provenance(self.programme, self.inputs)

    @cached_property
    def names(self) -> dict[str, Name]:
        """All named values of all periods, in the order of the latest contract, then those that only earlier ones have."""
        found: dict[str, Name] = {}
        for plan in reversed(self.plans):
            for named in in_contract_order(plan):
                found.setdefault(named.name, Name(named, plan.nodes[named.node].type))
        return found

    @cached_property
    def failed_controls(self) -> list[str]:
        """The names of controls that do not agree somewhere, with the number of places."""
        names = {o.control.name: 0 for o in self.controls if not o.agrees}
        for outcome in self.controls:
            if not outcome.agrees:
                names[outcome.control.name] += 1
        return [
            f"control `{name}` does not agree ({count} of {sum(o.control.name == name for o in self.controls)} places)"
            for name, count in names.items()
        ]

    @property
    def incomplete(self) -> str:
        """`settled on incomplete data: 5 rows set aside (…)`; "" where no row was set aside."""
        return incomplete(self.set_aside)

    @cached_property
    def assumptions(self) -> list[Assumption]:
        return list({a.name: a for plan in self.plans for a in plan.assumptions}.values())

    def of_grain(self, grain: Grain | None = None) -> list[Name]:
        """The names of one finer grain; without one, those that every group and period has one value of."""
        settled = self.plan.settled
        if grain is None:
            return [name for name in self.names.values() if name.type.grain <= settled]
        return [name for name in self.names.values() if name.type.grain | settled == grain]

    def finer_grains(self) -> list[Grain]:
        """The grains beyond group and period in which some named value lives, with the settlement keys."""
        settled = self.plan.settled
        found = {name.type.grain | settled for name in self.names.values() if not name.type.grain <= settled}
        return sorted(found, key=sorted)

    def group(self, row: int) -> str:
        return self.settlement.frame.units[row]

    def period(self, row: int) -> str:
        return self.settlement.frame.periods[row]

    def find(self, group: str, period: str) -> int | None:
        """The frame row of a group in a period."""
        return self._index.get((group, period))

    @cached_property
    def _index(self) -> dict[tuple[str, str], int]:
        frame = self.settlement.frame
        return {key: row for row, key in enumerate(zip(frame.units, frame.periods, strict=True))}

    def value(self, name: str, row: int) -> Value:
        """One exact value. A name that the contract in force does not have is not applicable."""
        return self.settlement.at(name, row)

    def point(self, name: str, row: int) -> Point | None:
        return self.provenance.settled(name, self.group(row), self.period(row))

    def finer(self, name: str, row: int) -> Iterator[tuple[dict[str, str], Value]]:
        """Key and value along the finer keys of a named value, for one group and period."""
        point = self.point(name, row)
        if point is None:
            return
        for key in self.provenance.evaluator.expand(point.plan, point.index, point.key):
            yield key, self.provenance.value(point.at(point.index, dict(point.key) | key))

    def account(self, block: str, plan: Plan, key: Mapping[str, str]) -> list[tuple[str, Mapping[str, object]]]:
        """What a population or spending block counted, left out and cut for one key (group, period, line …), by one plan.

        Pairs of the step (`""` for the rows of the block itself, `truncate` …) and a row of its account. Sums over the
        rows of a population (`panel.sum1`) have the account of the population.
        """
        found = self.accounts.get(id(plan), {})
        if not any(name == block or name.startswith(f"{block}.") for name in found):
            block = block.rpartition(".")[0]
        return [
            (name.removeprefix(block).removeprefix("."), account)
            for name, accounts in found.items()
            if block and (name == block or name.startswith(f"{block}."))
            for account in accounts
            if all(account[name] == label for name, label in key.items() if name in account)
        ]

    def totals(self) -> list[PaymentTotal]:
        """Per payment and period; sums of whole cents, so exact."""
        labels = np.array([self.period(row) for row in self.rows], dtype=object)
        status = self.status[self.rows]
        found: list[PaymentTotal] = []
        for payment in dict.fromkeys(name for plan in self.plans for name in plan.payments):
            cents = self.cents(payment)
            for period in self.periods:
                if payment not in self.programme.plans[period].payments:
                    continue
                mine = labels == period
                there = cents[mine & (status == Status.SETTLED)]
                found.append(
                    PaymentTotal(
                        payment,
                        period,
                        len(there),
                        Fraction(int(there[there > 0].sum()), 100),
                        Fraction(int(there[there < 0].sum()), 100),
                        int(np.count_nonzero(mine & (status == Status.HELD))),
                        int(np.count_nonzero(mine & (status == Status.NOT_SETTLED)))
                        + sum(out.period == period for out in self.left_out),
                    )
                )
        return found

    def cents(self, payment: str) -> Ints:
        """A payment in cents on every reported row; what is paid by the month is the sum of its months; 0 where absent."""
        found: Ints = np.zeros(len(self.rows), dtype=np.int64)
        periods = np.array([self.period(row) for row in self.rows], dtype=object)
        names = {period: self.programme.plans[period].paid(payment) for period in self.periods}
        for name in {named.name for named in names.values() if named is not None}:
            cents = self.settlement.decimals(name, 2)[0][self.rows]
            mine = np.array([(own := names[p]) is not None and own.name == name for p in periods.tolist()], dtype=bool)
            found = np.where(mine, cents, found)
        return found
