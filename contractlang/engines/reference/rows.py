"""Row expressions of the reduce stage on exact integers; None is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from contractlang.engines import periods
from contractlang.plan.relations import RowExpr

Row = Mapping[str, Any]
"""Values of one row by column: int (scaled), bool, str, date or None."""


def evaluate(expression: RowExpr, row: Row) -> Any:
    """The value of an expression on one row."""
    if expression.op == "case":
        return _case(expression.args, row)
    values = [evaluate(arg, row) for arg in expression.args]
    match expression.op:
        case "and" | "or":
            return _logic(expression.op == "or", values)
        case "missing":
            return values[0] is None
        case "column":
            return row[str(expression.value)]
        case "const":
            return expression.value
        case _ if None in values:
            return None
        case "rescale":
            return values[0] * 10 ** (expression.scale - expression.args[0].scale)
        case "in":
            return _among(values[0], expression.value)
        case "year":
            month = _month(values[0])
            return None if month is None else month[0]
        case "period":
            return _label(values[0], expression.value)
        case "day":
            return _day(values[0], expression.value)
        case "shifted":
            return _shifted(values[0], expression.value)
        case "written":
            return values[0].isoformat()
        case "later":
            return periods.earlier(values[0], -int(str(expression.value)))
        case op:
            return _strict(op, values)


def _strict(op: str, values: Sequence[Any]) -> Any:
    match op:
        case "+":
            return values[0] + values[1]
        case "-":
            return values[0] - values[1]
        case "*":
            return values[0] * values[1]
        case "negate":
            return -values[0]
        case "abs":
            return abs(values[0])
        case "least":
            return min(values)
        case "greatest":
            return max(values)
        case "<":
            return values[0] < values[1]
        case "<=":
            return values[0] <= values[1]
        case ">":
            return values[0] > values[1]
        case ">=":
            return values[0] >= values[1]
        case "is":
            return values[0] == values[1]
        case "is not":
            return values[0] != values[1]
        case "not":
            return not values[0]
        case _:
            raise ValueError(f"no row operation `{op}`")


def _logic(deciding: bool, values: Sequence[Any]) -> bool | None:  # noqa: FBT001 - the deciding value itself
    if any(value is deciding for value in values):
        return deciding
    return None if None in values else not deciding


def _case(args: Sequence[RowExpr], row: Row) -> Any:
    """The first true condition wins; a missing one before it makes the result missing, as does no case at all."""
    for i in range(0, len(args) - 1, 2):
        condition = evaluate(args[i], row)
        if condition is None:
            return None
        if condition:
            return evaluate(args[i + 1], row)
    return evaluate(args[-1], row) if len(args) % 2 else None


def _among(value: Any, choices: Any) -> bool:
    return any(choice[0] <= value <= choice[1] if isinstance(choice, tuple) else choice == value for choice in choices)


def _month(value: date | str) -> tuple[int, int] | None:
    """Year and month of a date or of a text YYYYMM; None for any other text."""
    if isinstance(value, date):
        return value.year, value.month
    return (int(value[:4]), int(value[4:])) if re.fullmatch(r"[0-9]{4}(0[1-9]|1[0-2])", value) else None


def _day(value: date | str, place: Any) -> date | None:
    """The first or last day of the period that contains a moment, some years later."""
    found = _month(value)
    if found is None:
        return None
    months, years, end = place
    first = (found[0] + years) * 12 + (found[1] - 1) // months * months
    if end == "end":
        return _first_day(first + months) - timedelta(days=1)
    return _first_day(first)


def _first_day(month: int) -> date:
    """The first day of a month counted from the year 0."""
    return date(month // 12, month % 12 + 1, 1)


def _shifted(value: date | str, months: Any) -> str | None:
    found = _month(value)
    if found is None:
        return None
    index = found[0] * 12 + found[1] - 1 - int(months)
    return f"{index // 12:04}{index % 12 + 1:02}"


def _label(value: date | str, months: Any) -> str | None:
    found = _month(value)
    if found is None:
        return None
    word = next(w for w, length in periods.LENGTHS.items() if length == months)
    return periods.written(word, found[0], (found[1] - 1) // int(months) + 1)
