"""Scales: bands to the pieces of a curve, with gaps, overlaps and open ends refused.

How borders are read: a lone border `9: 41%` is a point. In a step scale a point's value holds up to the next border;
in a linear scale the value runs straight to the next point. `a to b: v to w` runs from v at a to w at b. A border that
two bands share belongs to the upper one. Bands over whole numbers may skip from 5_999 to 6_000.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Edit, Fix, Label
from contractlang.plan import nodes
from contractlang.plan.lowering import remedies
from contractlang.plan.lowering.context import Lowering
from contractlang.semantics.cells import literal
from contractlang.semantics.types import Type
from contractlang.semantics.typing import Problem, unify
from contractlang.source import Span
from contractlang.syntax import ast


@dataclass(frozen=True, slots=True)
class Scale:
    """A checked scale: curve, type of the border (its unit is `argument`'s unless bare), type of the values."""

    curve: nodes.Curve
    borders: Type
    values: Type
    whole_numbers: bool
    item: ast.Scale


@dataclass(frozen=True, slots=True)
class _Band:
    low: Fraction | None
    high: Fraction | None
    value: Fraction
    value_high: Fraction | None
    point: bool
    span: Span


def lower_scale(low: Lowering, name: str, item: ast.Scale) -> Scale | None:
    """Check a scale alone; None after a report."""
    read = [_band(low, band) for band in item.bands]
    if not read or any(r is None for r in read):
        if not item.bands:
            low.error(
                "scale-gap", f"scale `{name}` has no bands", item.span, "write at least one band, such as `0: 0%`"
            )
        return None
    bands = [r[0] for r in read if r is not None]
    borders = unify([t for r in read if r for t in r[1]], "the borders mix")
    values = unify([t for r in read if r for t in r[2]], "the values mix")
    for problem, parts in ((borders, _borders(item)), (values, _values(item))):
        if isinstance(problem, Problem):
            odd = parts[problem.adapt[0]].span if problem.adapt else item.bands[0].span
            low.problem(problem, odd, parts)
            return None
    assert isinstance(borders, Type)
    assert isinstance(values, Type)
    found = _pieces(low, name, item, bands)
    if found is None:
        return None
    pieces, whole = found
    curve = nodes.Curve(name, item.style == "marginal", item.symmetric, tuple(pieces))
    return Scale(curve, borders, replace(values, literal=False), whole, item)


def _borders(item: ast.Scale) -> list[ast.Expr]:
    return [e for band in item.bands for e in (band.low, band.high) if e is not None]


def _values(item: ast.Scale) -> list[ast.Expr]:
    return [e for band in item.bands for e in (band.value, band.value_high) if e is not None]


def _band(low: Lowering, band: ast.Band) -> tuple[_Band, list[Type], list[Type]] | None:
    numbers: list[Fraction | None] = []
    types: list[Type | None] = []
    for part in (band.low, band.high, band.value, band.value_high):
        if part is None:
            numbers.append(None)
            types.append(None)
            continue
        found = literal(low.scope, part, low.sink)
        if found is None:
            return None
        if not isinstance(found[0], Fraction):
            low.error("kind-mismatch", "a scale runs over numbers and gives numbers", part.span, "write a number")
            return None
        numbers.append(found[0])
        types.append(found[1])
    value = numbers[2]
    assert value is not None
    point = (band.low is not None and band.low is band.high) or (numbers[0] is not None and numbers[0] == numbers[1])
    return (
        _Band(numbers[0], numbers[1], value, numbers[3], point, band.span),
        [t for t in types[:2] if t],
        [t for t in types[2:] if t],
    )


def _pieces(low: Lowering, name: str, item: ast.Scale, bands: list[_Band]) -> tuple[list[nodes.Piece], bool] | None:
    linear = item.style == "linear"
    if not _forwards(low, name, item, bands):
        return None
    pieces: list[nodes.Piece] = []
    whole = False
    if item.flat_outside and bands[0].low is not None:
        pieces.append(nodes.Piece(None, bands[0].low, bands[0].value, span=bands[0].span))
    for i, band in enumerate(bands):
        after = bands[i + 1] if i + 1 < len(bands) else None
        if after is not None:
            start, end = after.low, band.high
            if start is None or end is None:
                _open_inside(low, name, item, i if end is None else i + 1)
                return None
            if start < end or (band.point and start == end):
                _overlap(low, name, item, bands, i)
                return None
            joined = band.point  # a point reaches to the next border by itself
            if not joined and start > end:
                if start.denominator == end.denominator == 1 and start - end == 1:
                    whole = True
                else:
                    _gap(low, name, item, i)
                    return None
        pieces.append(_piece(band, after, linear))
    last = bands[-1]
    if last.high is not None:
        end_value = last.value_high if last.value_high is not None else last.value
        if item.flat_outside:
            pieces.append(nodes.Piece(last.high, None, end_value, span=last.span))
        elif last.point:
            pieces[-1] = nodes.Piece(last.low, last.high, last.value, closed=True, span=last.span)
    return [p for p in pieces if p.low != p.high or p.closed], whole


def _piece(band: _Band, after: _Band | None, linear: bool) -> nodes.Piece:
    if band.point and after is not None and after.low is not None:
        slope = Fraction(0)
        if linear and band.low is not None and after.low > band.low:
            slope = (after.value - band.value) / (after.low - band.low)
        return nodes.Piece(band.low, after.low, band.value, slope, span=band.span)
    if band.low is None or band.high is None or band.value_high is None:
        closed = band.high is not None and (after is None or after.low != band.high)
        return nodes.Piece(band.low, band.high, band.value, closed=closed, span=band.span)
    slope = (band.value_high - band.value) / (band.high - band.low) if band.high > band.low else Fraction(0)
    return nodes.Piece(band.low, band.high, band.value, slope, after is None or after.low != band.high, band.span)


def _forwards(low: Lowering, name: str, item: ast.Scale, bands: list[_Band]) -> bool:
    """Every band starts before it ends."""
    ok = True
    for band, written in zip(bands, item.bands, strict=True):
        if band.low is not None and band.high is not None and band.low > band.high:
            assert written.low is not None
            assert written.high is not None
            low.error(
                "scale-overlap",
                f"band `{band.span.text}` of scale `{name}` ends below its start",
                band.span,
                "write the smaller border first",
                fixes=[remedies.swapped(written.low.span, written.high.span, "swap the two borders")],
            )
            ok = False
    return ok


def _open_inside(low: Lowering, name: str, item: ast.Scale, position: int) -> None:
    """A band `below` that is not the first, or `and more` that is not the last."""
    band = item.bands[position]
    other = item.bands[position + 1] if band.high is None else item.bands[position - 1]
    border = other.low if band.high is None else other.high
    own = band.low or band.high
    fixes: list[Fix] = []
    if border is not None and own is not None:
        ends = (own, border) if band.high is None else (border, own)
        fixes = [edits.instead(_edge(band), f"{ends[0].span.text} to {ends[1].span.text}")]
    low.error(
        "scale-overlap",
        f"band `{band.span.text}` of scale `{name}` is open towards the others",
        band.span,
        "`below` stands first, `and more` last",
        fixes=fixes,
    )


def _overlap(low: Lowering, name: str, item: ast.Scale, bands: list[_Band], position: int) -> None:
    band, after = bands[position], bands[position + 1]
    end, edge = item.bands[position].high, _edge(item.bands[position + 1])
    inside = after.high is not None and band.high is not None and after.high <= band.high
    if inside or end is None:
        fix = edits.without(after.span, "remove the second band")
    else:
        high = item.bands[position + 1].high
        fix = edits.instead(edge, f"{end.span.text} to {high.span.text}" if high else f"{end.span.text} and more")
    low.error(
        "scale-overlap",
        f"two bands of scale `{name}` overlap",
        after.span,
        "let each band start where the one before ends",
        labels=[Label(band.span, "the one before")],
        fixes=[fix],
    )


def _gap(low: Lowering, name: str, item: ast.Scale, position: int) -> None:
    band, after = item.bands[position], item.bands[position + 1]
    low.error(
        "scale-gap",
        f"scale `{name}` has a gap between `{band.span.text}` and `{after.span.text}`",
        after.span,
        "let each band start where the one before ends",
        labels=[Label(band.span, "this band ends before")],
        fixes=[
            Fix(
                f"let the band end at {after.low.span.text}",
                edits.instead(band.high.span, after.low.span.text).edits,
            )
        ]
        if band.high is not None and after.low is not None
        else [],
    )


def joined(scale: Scale) -> Fix:
    """Every band that skips to the next whole number, ending where the next one starts."""
    changed: list[Edit] = []
    for band, after in pairwise(scale.item.bands):
        if band.high is not None and after.low is not None and band.high is not band.low and band.high != after.low:
            changed += edits.instead(band.high.span, after.low.span.text).edits
    return Fix("let each band end where the next one starts", tuple(changed))


def in_percent(scale: Scale) -> Fix:
    """Every bare border as a percentage."""
    changed: list[Edit] = []
    for band in scale.item.bands:
        for border in dict.fromkeys((band.low, band.high)):
            if isinstance(border, ast.Number) and not border.symbol and border.unit is None:
                changed += edits.instead(border.span, f"{border.span.text}%").edits
    return Fix("write the borders as percentages", tuple(dict.fromkeys(changed)))


def _edge(band: ast.Band) -> Span:
    """The words of a band before its colon."""
    head = band.span.text.partition(":")[0].rstrip()
    return Span(band.span.file, band.span.start, band.span.start + len(head))
