"""Rows that a run set aside because they cannot be used, and what they were worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from contractlang.runtime.formatting import dollars, scaled

INCOMPLETE = "settled on incomplete data"


@dataclass(frozen=True, slots=True)
class SetAside:
    """Rows of one table that were set aside for one reason.

    `examples` are the first of them, by file and row (units, for those that nothing lists). `money` are the sums of the
    money columns over these rows in dollars, `unread` how many of their money cells have no readable amount. `months` is
    how many member-months the rows stand for; None where rows of the table are no member-months.
    """

    table: str
    reason: str
    rows: int
    examples: tuple[str, ...] = ()
    money: Mapping[str, Fraction] = field(default_factory=dict)
    unread: int = 0
    months: Fraction | None = None

    @property
    def worth(self) -> str:
        """`3 member-months, medical_allowed $1,200.00, 1 amount without a value`; "" for rows that hold neither."""
        return _worth(self.months, self.money, self.unread)

    @property
    def words(self) -> str:
        """`3 rows of member_month: no value in `risk_score` (3 member-months, medical_allowed $1,200.00)`."""
        return f"{_rows(self.rows)} of {self.table}: {self.reason}" + (f" ({self.worth})" if self.worth else "")

    def to_json(self) -> dict[str, object]:
        """A JSON object; amounts are decimal text."""
        return {
            "table": self.table,
            "reason": self.reason,
            "rows": self.rows,
            "examples": list(self.examples),
            "money": {name: _plain(amount) for name, amount in self.money.items()},
            "amounts_without_value": self.unread,
            "member_months": None if self.months is None else _plain(self.months),
        }


def incomplete(found: Sequence[SetAside]) -> str:
    """`settled on incomplete data: 5 rows set aside (4 member-months, medical_allowed $1,200.00)`; "" for none."""
    if not found:
        return ""
    months = [s.months for s in found if s.months is not None]
    money: dict[str, Fraction] = {}
    for part in found:
        for name, amount in part.money.items():
            money[name] = money.get(name, Fraction(0)) + amount
    total = _worth(sum(months, Fraction(0)) if months else None, money, sum(s.unread for s in found))
    return f"{INCOMPLETE}: {_rows(sum(s.rows for s in found))} set aside" + (f" ({total})" if total else "")


def as_json(found: Sequence[SetAside]) -> dict[str, object]:
    """The whole account: the sentence of `incomplete` and every reason."""
    return {"summary": incomplete(found), "rows": sum(s.rows for s in found), "reasons": [s.to_json() for s in found]}


def _worth(months: Fraction | None, money: Mapping[str, Fraction], unread: int) -> str:
    parts = [] if months is None else [f"{_plain(months)} member-month{'' if months == 1 else 's'}"]
    parts += [f"{name} {dollars(amount)}" for name, amount in money.items()]
    if unread:
        parts.append(f"{unread:,} amount{'' if unread == 1 else 's'} without a value")
    return ", ".join(parts)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _plain(value: Fraction) -> str:
    """Decimal digits; a fraction where they do not end."""
    places = next((n for n in range(31) if (value * 10**n).denominator == 1), None)
    return str(value) if places is None else scaled(int(value * 10**places), places)
