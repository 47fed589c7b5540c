"""Values on the row of the last moment, carried together with the moment in one whole number.

A value of a closed category is a small number. `moment * size + value` is greatest on the row of the last moment, so one
`MAX` finds the moment and all such values of its row, at half the cost of an `ARG_MAX` beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

from sqlglot import exp

from contractlang.engines.sql import direct
from contractlang.engines.sql.rows import Extents, Tree, Typed, build
from contractlang.plan.relations import Measure

_FIRST_DAY = "0001-01-01"
_MOMENTS = 3_700_000
"""More than there are days in years of four digits; years are fewer."""


def together(measures: Sequence[Measure], columns: Extents) -> Mapping[str, Typed]:
    """The measures that one greatest number for each moment can give; all others are left out."""
    found: dict[str, Typed] = {}
    for by in dict.fromkeys(m.by for m in measures if m.function == "last" and m.by is not None):
        moment = build(by, columns)
        if moment.extent.native not in ("month", "start") or moment.extent.missing:
            continue
        codes = _codes([m for m in measures if m.function == "last" and m.by == by], columns)
        if codes:
            same = [m.name for m in measures if m.function == "max" and m.operand == by]
            found |= _unpacked(moment, codes, same)
    return found


def _codes(measures: Sequence[Measure], columns: Extents) -> dict[str, Typed]:
    """Values as places in their closed category, 0 for none; as many as fit into 64 bits beside a moment."""
    found: dict[str, Typed] = {}
    for name, operand in [(m.name, m.operand) for m in measures if m.operand is not None]:
        value = build(operand, columns)
        if not value.extent.labels or value.extent.native not in (None, "code"):
            continue
        code = value.tree if value.extent.native else direct.as_code(value.tree, value.extent.labels)
        if value.extent.missing:
            code = exp.func("COALESCE", code, _number(0))
        if _MOMENTS * prod(map(_size, found.values())) * _size(value) < 2**63:
            found[name] = Typed(code, value.extent)
    return found


def _size(part: Typed) -> int:
    return len(part.extent.labels) + 1


def _unpacked(moment: Typed, codes: Mapping[str, Typed], same: Sequence[str]) -> dict[str, Typed]:
    """The last values, and under the names `same` the last moment."""
    dated = moment.extent.native == "month"
    number: Tree = exp.paren(exp.Sub(this=moment.tree, expression=_first_day())) if dated else moment.tree
    packed: Tree = exp.cast(number, "BIGINT")
    for code in codes.values():
        packed = exp.paren(exp.Add(this=exp.Mul(this=packed, expression=_number(_size(code))), expression=code.tree))
    greatest = exp.Max(this=packed)
    found: dict[str, Typed] = {}
    behind = 1
    for name, code in reversed(list(codes.items())):
        place: Tree = exp.Mod(this=_without(greatest, behind), expression=_number(_size(code)))
        if code.extent.missing:
            place = exp.Nullif(this=place, expression=_number(0))
        found[name] = Typed(exp.cast(place, "SMALLINT"), replace(code.extent, native="code"))
        behind *= _size(code)
    last = exp.cast(_without(greatest, behind), "INT")
    for name in same:
        tree = exp.cast(exp.Add(this=_first_day(), expression=last), "DATE") if dated else last
        found[name] = Typed(tree, moment.extent)
    return found


def _without(greatest: Tree, behind: int) -> Tree:
    """The number without the parts that stand behind."""
    return greatest if behind == 1 else exp.paren(exp.IntDiv(this=greatest, expression=_number(behind)))


def _number(value: int) -> Tree:
    return exp.Literal.number(str(value))


def _first_day() -> Tree:
    return exp.cast(exp.Literal.string(_FIRST_DAY), "DATE")
