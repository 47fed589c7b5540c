"""What payees receive who are not the settled units: the cents of all units whose payment goes to them, added up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from contractlang.runtime.formatting import dollars
from contractlang.runtime.result import Result, Status

LISTED = 5


@dataclass(frozen=True, slots=True)
class PayeeTotal:
    """One payee of one payment in one period; `units` are the settled units that it is paid for."""

    payment: str
    period: str
    what: str
    payee: str
    units: int
    amount: Fraction


def payee_totals(result: Result) -> list[PayeeTotal]:
    """Every payee with a settled payment, by payment, period and name."""
    found: dict[tuple[str, str, str, str], tuple[int, int]] = {}
    for payment in dict.fromkeys(p.payment for plan in result.plans for p in plan.payees):
        cents = result.cents(payment).tolist()
        for row, amount in zip(result.rows.tolist(), cents, strict=True):
            payee = result.programme.plans[result.period(row)].payee(payment)
            if payee is not None and result.status[row] == Status.SETTLED:
                key = (payment, result.period(row), payee.what, str(result.value(payee.name, row)))
                units, total = found.get(key, (0, 0))
                found[key] = (units + 1, total + amount)
    return [
        PayeeTotal(*key, units, Fraction(total, 100))
        for key, (units, total) in sorted(found.items(), key=lambda entry: entry[0])
    ]


def payee_lines(result: Result) -> Iterator[str]:
    """`uplift, 2018, to each hospital: South Shore $10,000.01, for 3 groups; …`."""
    found: dict[tuple[str, str, str], list[PayeeTotal]] = {}
    for total in payee_totals(result):
        found.setdefault((total.payment, total.period, total.what), []).append(total)
    unit = result.plan.unit
    for (payment, period, what), totals in found.items():
        largest = sorted(totals, key=lambda t: (-abs(t.amount), t.payee))
        listed = "; ".join(
            f"{t.payee} {dollars(t.amount)}, for {t.units:,} {unit}{'' if t.units == 1 else 's'}"
            for t in largest[:LISTED]
        )
        more = len(largest) - LISTED
        yield f"{payment}, {period}, to each {what}: {listed}" + (f"; and {more:,} more" if more > 0 else "")
