"""Years that do not start in January: a year is named by the calendar year in which it starts.

Half years and quarters are counted from the start of the year; months keep their place in the calendar.
"""

from __future__ import annotations

import calendar
import datetime as dt

from contractlang.syntax import ast

MONTHS = tuple(calendar.month_name[number].lower() for number in range(1, 13))


def first_month(header: ast.Header) -> int:
    """The month in which a year starts: 7 for `year starts july`, 1 where the header does not say."""
    word = None if header.year_starts is None else header.year_starts.text
    return MONTHS.index(word) + 1 if word in MONTHS else 1


def fiscal_year(day: dt.date, first: int) -> int:
    """The year in which a day lies."""
    return day.year - (day.month < first)
