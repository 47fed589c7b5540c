"""Ranges of codes: `"99201".."99215"` stands for the codes of this length between the two, both included."""

from __future__ import annotations

import re
from collections.abc import Sequence

from contractlang.diagnostics.diagnostic import Fix
from contractlang.plan.lowering.context import Lowering
from contractlang.semantics.types import Kind, Type
from contractlang.syntax import ast

MOST_CODES = 10_000
_CODE = re.compile(r"(.*?)(\d+)\Z")


def listed(low: Lowering, items: Sequence[ast.Expr | ast.Range], type_: Type) -> list[ast.Expr | ast.Range] | None:
    """The entries of a list beside a value with every range of texts written out; None after a report.

    Codes are compared as wholes: `99213-25` and `9920` lie in no range of codes with five digits. Of a category the codes
    are those of its values that lie in the range.
    """
    if type_.kind not in (Kind.TEXT, Kind.CATEGORY):
        return list(items)
    values = low.scope.categories[type_.scheme].values if type_.scheme else None
    found: list[ast.Expr | ast.Range] = []
    for item in items:
        if not isinstance(item, ast.Range) or not (isinstance(item.low, ast.Text) or isinstance(item.high, ast.Text)):
            found.append(item)
            continue
        codes = _between(item)
        if isinstance(codes, str):
            low.error(
                "kind-mismatch", codes, item.span, 'write `"99201".."99215"`, or list the codes', fixes=_swapped(item)
            )
            return None
        if values is not None:
            codes = [code for code in codes if code in values]
            if not codes:
                low.error("unknown-name", f"category `{type_.scheme}` has no value in this range", item.span)
                return None
        found += [ast.Text(code, span=item.span) for code in codes]
    return found


def _between(item: ast.Range) -> list[str] | str:
    """The codes of a range, or what is wrong with it."""
    if not isinstance(item.low, ast.Text) or not isinstance(item.high, ast.Text):
        return "a range of codes needs both ends"
    ends = [_CODE.match(end.value) for end in (item.low, item.high)]
    if ends[0] is None or ends[1] is None or ends[0][1] != ends[1][1] or len(ends[0][2]) != len(ends[1][2]):
        return "the ends of a range of codes differ in their last digits only"
    first, last = int(ends[0][2]), int(ends[1][2])
    if first > last:
        return "the range of codes ends before it begins"
    if last - first >= MOST_CODES:
        return f"{last - first + 1:_} codes in one range; the limit is {MOST_CODES:_}"
    width = len(ends[0][2])
    return [f"{ends[0][1]}{number:0{width}d}" for number in range(first, last + 1)]


def _swapped(item: ast.Range) -> list[Fix]:
    if not isinstance(item.low, ast.Text) or not isinstance(item.high, ast.Text):
        return []
    from contractlang.plan.lowering import remedies

    if isinstance(_between(ast.Range(item.high, item.low, span=item.span)), str):
        return []
    return [remedies.swapped(item.low.span, item.high.span, "swap the ends")]
