"""What rosters moved: member-months, and dollars, that count for another unit than on the first day of their period.

Rows of base years that are rebuilt are compared with the roster of their own day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from contractlang.plan.nodes import Plan
from contractlang.plan.rebuilding import roster_period
from contractlang.runtime.formatting import dollars
from contractlang.runtime.result import Result

MOVED = "moved"
"""The step of a block's account that holds the moves."""

LISTED = 5


@dataclass(frozen=True, slots=True)
class Move:
    """Rows of one member of the lowest level that went from one unit to another; None is no unit on the roster.

    `amount` are member-months of a population, dollars of a spending block.
    """

    block: str
    period: str
    entry: str
    before: str | None
    after: str | None
    rows: int
    amount: Fraction
    money: bool
    keys: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> str:
        """`P3 from Lakeside to Hillside, 12 member-months`."""
        way = f"from {self.before} to {self.after}"
        if self.before is None or self.after is None:
            way = f"joined {self.after}" if self.before is None else f"left {self.before}"
        return f"{self.entry} {way}, {self.size}"

    @property
    def size(self) -> str:
        return (
            dollars(self.amount)
            if self.money
            else f"{_number(self.amount)} member-month{'' if self.amount == 1 else 's'}"
        )


def moves(result: Result, plan: Plan) -> Iterator[Move]:
    """The moves of a plan, as its accounts list them."""
    for name, accounts in result.accounts.get(id(plan), {}).items():
        block, _, step = name.rpartition(".")
        taken = {plan.unit, plan.period, "entry", "before", "reason", "rows", "months", "amount"}
        if step != MOVED:
            continue
        for account in accounts:
            months = account.get("months")
            amount = months if "months" in account else account.get("amount")
            rows = account["rows"]
            yield Move(
                block,
                str(account[plan.period]),
                str(account["entry"]),
                _label(account["before"]),
                _label(account[plan.unit]),
                rows if isinstance(rows, int) else 0,
                amount if isinstance(amount, Fraction) else Fraction(0),
                "months" not in account,
                tuple((k, str(v)) for k, v in account.items() if k not in taken and v is not None),
            )


def move_lines(result: Result) -> Iterator[str]:
    """Per block and period what was moved: the total, and the largest moves."""
    found: dict[tuple[str, str], list[Move]] = {}
    for plan in result.plans:
        for move in moves(result, plan):
            later = roster_period(move.period)
            if later in result.periods and result.programme.plans.get(later) is plan:
                found.setdefault((move.block, move.period), []).append(move)
    blocks = list(dict.fromkeys(block for block, _ in found))
    for block, period in sorted(found, key=lambda key: (blocks.index(key[0]), key[1])):
        moved = found[block, period]
        total = sum((move.amount for move in moved), Fraction(0))
        size = Move(block, period, "", "", "", 0, total, moved[0].money).size
        yield f"{block}, {period}: the roster moved {size}: {_listed(moved)}"


def move_notes(result: Result, block: str, plan: Plan, key: Mapping[str, str]) -> tuple[str, ...]:
    """What the roster moved into a unit, and out of it, in a period."""
    unit, period = key.get(plan.unit), key.get(plan.period)
    if unit is None or period is None:
        return ()
    moved = [m for m in moves(result, plan) if m.block == block and m.period == period and unit in (m.before, m.after)]
    moved = [m for m in moved if all(key.get(name, label) == label for name, label in m.keys)]
    return (f"moved by the roster: {_listed(moved)}",) if moved else ()


def _listed(moved: Sequence[Move]) -> str:
    largest = sorted(moved, key=lambda m: (-abs(m.amount), m.entry, m.words))
    rest = len(largest) - LISTED
    return "; ".join(m.words for m in largest[:LISTED]) + (f"; and {rest:,} more" if rest > 0 else "")


def _label(value: object) -> str | None:
    return None if value is None else str(value)


def _number(value: Fraction) -> str:
    return f"{value.numerator:,}" if value.denominator == 1 else f"{float(value):,.4f}".rstrip("0")
