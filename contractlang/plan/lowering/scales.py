"""Scales: bands to the pieces of a curve, with gaps, overlaps and open ends refused.

How borders are read: a lone border `9: 41%` is a point. In a step scale a point's value holds up to the next border;
in a linear scale the value runs straight to the next point. `a to b: v to w` runs from v at a to w at b. A border that
two bands share belongs to the upper one. Bands over whole numbers may skip from 5_999 to 6_000.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from contractlang.diagnostics.diagnostic import Edit, Fix, Label
from contractlang.plan import nodes
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
    for problem, band in ((borders, item.bands[0]), (values, item.bands[0])):
        if isinstance(problem, Problem):
            low.problem(problem, band.span)
            return None
    assert isinstance(borders, Type)
    assert isinstance(values, Type)
    found = _pieces(low, name, item, bands)
    if found is None:
        return None
    pieces, whole = found
    curve = nodes.Curve(name, item.style == "marginal", item.symmetric, tuple(pieces))
    return Scale(curve, borders, replace(values, literal=False), whole, item)


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
    pieces: list[nodes.Piece] = []
    whole = False
    if item.flat_outside and bands[0].low is not None:
        pieces.append(nodes.Piece(None, bands[0].low, bands[0].value, span=bands[0].span))
    for i, band in enumerate(bands):
        after = bands[i + 1] if i + 1 < len(bands) else None
        if band.low is not None and band.high is not None and band.low > band.high:
            low.error(
                "scale-overlap",
                f"band `{band.span.text}` of scale `{name}` ends below its start",
                band.span,
                "write the smaller border first",
            )
            return None
        if after is not None:
            end = band.high
            start = after.low
            if start is None or end is None:
                low.error(
                    "scale-overlap",
                    f"band `{(after if start is None else band).span.text}` of scale `{name}` is open towards the others",
                    (after if start is None else band).span,
                    "`below` stands first, `and more` last",
                )
                return None
            if start < end or (band.point and start == end):
                low.error(
                    "scale-overlap",
                    f"bands of scale `{name}` overlap",
                    after.span,
                    "let each band start where the one before ends",
                    labels=[Label(band.span, "the one before")],
                )
                return None
            joined = band.point  # a point reaches to the next border by itself
            if not joined and start > end:
                if start.denominator == end.denominator == 1 and start - end == 1:
                    whole = True
                else:
                    _gap(low, name, band, after)
                    return None
            if linear and not band.point and band.low is None and band.value_high is None and start != end:
                _gap(low, name, band, after)
                return None
        piece = _piece(band, after, linear)
        pieces.append(piece)
    last = bands[-1]
    if last.high is not None:
        end_value = last.value_high if last.value_high is not None else last.value
        if item.flat_outside:
            pieces.append(nodes.Piece(last.high, None, end_value, span=last.span))
        elif last.point:
            pieces[-1] = nodes.Piece(last.low, last.high, last.value, closed=True, span=last.span)
        if linear and last.point and len(pieces) > 1 and not item.flat_outside:
            pieces[-2] = replace(pieces[-2], closed=pieces[-2].high == last.low and pieces[-2].closed)
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


def _gap(low: Lowering, name: str, band: _Band, after: _Band) -> None:
    border = next((b for b in _border_texts(after)), "")
    edit_at = band.span
    fixes = []
    if border and " to " in band.span.text:
        head, _, _ = band.span.text.partition(":")
        start = head.rpartition(" to ")[0]
        fixes.append(
            Fix(
                f"let the band end at {border}",
                (Edit(Span(edit_at.file, edit_at.start, edit_at.start + len(head)), f"{start} to {border}"),),
            )
        )
    elif border and "below" in band.span.text:
        head, _, _ = band.span.text.partition(":")
        fixes.append(
            Fix(
                f"let the band end at {border}",
                (Edit(Span(edit_at.file, edit_at.start, edit_at.start + len(head)), f"below {border}"),),
            )
        )
    low.error(
        "scale-gap",
        f"scale `{name}` has a gap between `{band.span.text}` and `{after.span.text}`",
        after.span,
        "let each band start where the one before ends",
        labels=[Label(band.span, "this band ends before")],
        fixes=fixes,
    )


def _border_texts(band: _Band) -> list[str]:
    head = band.span.text.partition(":")[0].strip()
    return [head.split(" to ")[0].removesuffix(" and more").strip()]
