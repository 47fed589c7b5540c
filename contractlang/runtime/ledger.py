"""What was paid before, by date: for statements, explanations and the summary of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.plan.nodes import Alias, Cell, Plan
from contractlang.runtime.formatting import dollars
from contractlang.runtime.result import Result

PREFIX = "ledger."
SHOWN = 5
"""Units that a finding lists; the others are counted."""


@dataclass(frozen=True, slots=True)
class Paid:
    """One payment made before: its day and its amount."""

    day: str
    amount: Fraction


@dataclass(frozen=True, slots=True)
class Before:
    """What was paid before as one payment for one period, over the reported units."""

    payment: str
    period: str
    amount: Fraction
    payments: int
    last: str

    @property
    def words(self) -> str:
        count = f"{self.payments:,} payment{'' if self.payments == 1 else 's'}"
        return f"{self.payment}, {self.period}: net of {dollars(self.amount)} paid before ({count}, the last on {self.last})"


def payment_of(plan: Plan, node: int) -> str | None:
    """The payment whose earlier amounts a node holds, under whatever name."""
    while isinstance(plan.nodes[node].op, Alias):
        (node,) = plan.nodes[node].args
    op = plan.nodes[node].op
    return op.table.removeprefix(PREFIX) if isinstance(op, Cell) and op.table.startswith(PREFIX) else None


def nets(plan: Plan, node: int) -> bool:
    """Whether a value depends on what was paid before."""
    seen, waiting = set[int](), [node]
    while waiting:
        index = waiting.pop()
        if index not in seen:
            seen.add(index)
            waiting.extend(plan.nodes[index].args)
    return any(payment_of(plan, index) is not None for index in seen)


def paid(result: Result, payment: str, group: str, period: str) -> Sequence[Paid]:
    """What was paid before to one group for one period, in the order of the days."""
    plan = result.programme.plans[period]
    rows = result.accounts.get(id(plan), {}).get(PREFIX + payment, ())
    mine = [row for row in rows if (row[plan.unit], row[plan.period]) == (group, period)]
    return sorted(_paid(mine), key=lambda p: p.day)


def summary(result: Result) -> Iterator[Before]:
    """What the reported rows are net of, by payment and period."""
    reported = {(result.group(row), result.period(row)) for row in result.rows.tolist()}
    for payment, period, rows in _by_period(result):
        plan = result.programme.plans[period]
        found = _paid(row for row in rows if (row[plan.unit], period) in reported)
        if found:
            yield Before(
                payment, period, sum((p.amount for p in found), Fraction(0)), len(found), max(p.day for p in found)
            )


def report_unsettled(result: Result, sink: Sink) -> None:
    """Money that was paid for a period to somebody who is not settled in it would be forgotten."""
    stated = list(_by_period(result))
    if not stated:
        return
    frame = result.settlement.frame
    known = {*zip(frame.units, frame.periods, strict=True), *((o.group, o.period) for o in result.left_out)}
    for payment, period, rows in stated:
        plan = result.programme.plans[period]
        lost = [row for row in rows if (row[plan.unit], period) not in known]
        if not lost:
            continue
        groups = sorted({str(row[plan.unit]) for row in lost})
        shown = ", ".join(f"`{group}`" for group in groups[:SHOWN]) + (" …" if len(groups) > SHOWN else "")
        amount = dollars(sum((p.amount for p in _paid(lost)), Fraction(0)))
        sink.report(
            Diagnostic(
                "rows-unplaced",
                f"{amount} were paid before as `{payment}` for {period} to {len(groups):,} {plan.unit}(s) that are not "
                f"settled in it: {shown}",
                help=f"correct the {plan.unit} or the {plan.period} in the ledger, or add the data of these {plan.unit}s",
            )
        )


def _by_period(result: Result) -> Iterator[tuple[str, str, list[Mapping[str, object]]]]:
    """Rows of the ledger by payment and settled period, from the plan that governs the period."""
    for period in result.periods:
        plan = result.programme.plans[period]
        for name, rows in result.accounts.get(id(plan), {}).items():
            if name.startswith(PREFIX):
                yield name.removeprefix(PREFIX), period, [row for row in rows if row[plan.period] == period]


def _paid(rows: Iterable[Mapping[str, object]]) -> list[Paid]:
    """Rows of the ledger as payments; one without an amount, which holds what reads it, is none."""
    return [Paid(str(row["date"]), amount) for row in rows if isinstance(amount := row["amount"], Fraction)]
