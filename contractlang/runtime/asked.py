"""What is asked of the rows of a bound table: how a contract uses them, and which months it reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from contractlang.diagnostics.diagnostic import Sink
from contractlang.engines import periods as calendar
from contractlang.plan.row_uses import PeriodsRead, RowUse


@dataclass(frozen=True, slots=True)
class Months:
    """Stretches of months (YYYYMM, inclusive) that are read, in order; the first one of `earlier` is open to the past."""

    stretches: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, read: PeriodsRead, ahead: int = 0, year_starts: int = 1) -> Months:
        """The months of the periods; with `ahead`, also those of so many years before each."""
        labels = {calendar.earlier(label, back) for label in read.labels for back in range(ahead + 1)}
        months = sorted(
            {month.replace("-", "") for label in labels for month in calendar.inside(label, "month", year_starts)}
        )
        stretches = list(_stretches(months))
        if read.earlier and stretches:
            stretches = [("000001", stretches[-1][1])]
        return cls(tuple(stretches))


def _stretches(months: list[str]) -> Iterable[tuple[str, str]]:
    """Runs of months that follow one another."""
    if not months:
        return
    first = months[0]
    for month, after in pairwise([*months, ""]):
        following = f"{int(month[:4]) + 1}01" if month.endswith("12") else f"{int(month) + 1:06}"
        if after != following:
            yield first, month
            first = after


@dataclass(frozen=True, slots=True)
class Asked:
    """`rows` takes what is found about single rows.

    `use` is how the contract reads the rows of the table, `months` the months that it reads (None: any). With `needs`,
    rows that lack a value that is added up are set aside. With `identifiers`, findings name the keys of members.
    `known_on` leaves out the rows that were not known on a day; without it, those count that nothing has replaced.
    """

    rows: Sink
    use: RowUse = field(default_factory=RowUse)
    months: Months | None = None
    needs: bool = False
    identifiers: bool = False
    known_on: dt.date | None = None
