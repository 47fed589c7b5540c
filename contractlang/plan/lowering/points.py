"""Points of measures: from gates in the table of their set, or from percentiles of a reference or of the peers.

Rates of measures for which lower is better are read upside down: rate and borders change their sign.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, pipeline, tables
from contractlang.plan.lowering.aggregates import emit_aggregate
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.measures import MeasureSet, within_set
from contractlang.semantics import typing
from contractlang.semantics.terms import TermsTable
from contractlang.semantics.types import NONE, POINT, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, State, Value

POINTS = Type(Kind.COUNT, POINT)
WHOLE = replace(POINTS, step=Fraction(1))


@dataclass(frozen=True, slots=True)
class Scored:
    """The points of each measure of a set, and the most that one can have."""

    points: Ref
    most: int


def points_of(low: Lowering, found: MeasureSet, clause: ast.Step) -> Scored | None:
    """`points linear between gates`, `step at gates`, `stars at gates`, or `step|stars at percentiles … of …`.

    Below the first gate there are the points of `below gate 1`, or none; `stars` has one star there.
    """
    mode = clause.get("mode")
    words = mode.value if isinstance(mode, ast.Text) else ""
    stars = words.startswith("stars")
    below = _below(low, clause, stars=stars)
    x = _signed(low, found, low.values[f"{found.name}.rate"], clause.span)
    if below is None or x is None:
        return None
    written = clause.get("percentiles")
    if isinstance(written, ast.Call):
        borders = _percentiles(low, found, written, x)
        if borders is None:
            return None
        return _steps(low, x, borders, below, 2 if stars else 1, clause.span)
    if not found.gates:
        low.error(
            "missing-clause",
            f"`{found.name}` has no gates",
            clause.span,
            "add columns `gate 1`, `gate 2` … to its table, or score it `at percentiles … of …`",
        )
        return None
    gates = _gates(found)
    like = replace(low.type(x), absent=frozenset())
    borders = [_terms(low, found, f"gate {i}", gate, like, clause.span) for i, gate in enumerate(gates, 1)]
    if words.startswith("linear"):
        return _linear(low, found, x, borders, gates, below, clause.span)
    return _steps(low, x, borders, below, 2 if stars else 1, clause.span)


def _below(low: Lowering, clause: ast.Step, *, stars: bool) -> Ref | None:
    written = clause.get("below")
    if written is None:
        return low.constant(Fraction(int(stars)), WHOLE, clause.span)
    if stars:
        low.error("unsupported", "below the first gate there is one star", written.span, "leave `below gate 1` out")
        return None
    ref = expressions.numeric(low, written, "`below gate 1`")
    if ref is None:
        return None
    op = low.builder.nodes[ref].op
    if not isinstance(op, nodes.Const) or not isinstance(op.value, Fraction):
        low.error("kind-mismatch", "`below gate 1` needs a number", written.span, "write `0 below gate 1`")
        return None
    return low.constant(op.value, WHOLE, clause.span)


def _signed(low: Lowering, found: MeasureSet, rate: Ref, span: Span) -> Ref | None:
    signs = {label: Fraction(-1 if label in found.falling else 1) for label in found.labels}
    return pipeline.product(low, rate, _terms(low, found, "direction", signs, Type(Kind.NUMBER, NONE), span), span)


def _gates(found: MeasureSet) -> list[dict[str, Fraction]]:
    """The gates of each measure, upside down where lower is better."""
    return [
        {
            label: _number(found.table.columns[f"gate_{i}"].values[row]) * (-1 if label in found.falling else 1)
            for row, label in enumerate(found.labels)
        }
        for i in range(1, found.gates + 1)
    ]


# Steps and lines -------------------------------------------------------------------------------------------------------


def _steps(low: Lowering, x: Ref, borders: list[Ref], below: Ref, first: int, span: Span) -> Scored:
    """`below`, then `first` and one more for each border that is reached."""
    values = [below, *(low.constant(Fraction(first + i), WHOLE, span) for i in range(len(borders) - 1))]
    most = first + len(borders) - 1
    return Scored(_choice(low, x, borders, values, low.constant(Fraction(most), WHOLE, span), span), most)


def _linear(
    low: Lowering,
    found: MeasureSet,
    x: Ref,
    borders: list[Ref],
    gates: list[dict[str, Fraction]],
    below: Ref,
    span: Span,
) -> Scored | None:
    values: list[Ref] = [below]
    for i in range(1, len(gates)):
        slopes = {label: 1 / (gates[i][label] - gates[i - 1][label]) for label in found.labels}
        slope = _terms(low, found, f"points per unit above gate {i}", slopes, POINTS, span)
        above = expressions.operate(low, "-", x, borders[i - 1], span)
        part = None if above is None else pipeline.product(low, above, slope, span)
        start = low.constant(Fraction(i), WHOLE, span)
        total = None if part is None else expressions.operate(low, "+", start, part, span)
        if total is None:
            return None
        values.append(within(low, total, Fraction(i), Fraction(i + 1), span))
    last = low.constant(Fraction(len(gates)), WHOLE, span)
    return Scored(_choice(low, x, borders, values, last, span), len(gates))


def _choice(low: Lowering, x: Ref, borders: list[Ref], values: list[Ref], last: Ref, span: Span) -> Ref:
    """The value of the first border that is not reached, else the last."""
    args: list[Ref] = []
    for border, value in zip(borders, values, strict=True):
        compared = typing.comparison("<", low.type(x), low.type(border))
        assert not isinstance(compared, typing.Problem)
        args += [low.emit(nodes.Compare("<"), (x, border), compared, span), value]
    args.append(last)
    types = [low.type(a) for a in args]
    type_ = replace(POINTS, grain=typing.union(types), absent=typing.absences(types))
    return low.emit(nodes.Choose(), tuple(args), type_, span)


def within(low: Lowering, ref: Ref, least: Fraction, most: Fraction, span: Span) -> Ref:
    """States bounds that hold anyway, so that the checker knows them: points between two gates lie between their numbers."""
    above = low.emit(nodes.Extreme("max"), (ref, low.constant(least, WHOLE, span)), low.type(ref), span)
    return low.emit(nodes.Extreme("min"), (above, low.constant(most, WHOLE, span)), low.type(ref), span)


# Percentiles -----------------------------------------------------------------------------------------------------------


def _percentiles(low: Lowering, found: MeasureSet, written: ast.Call, x: Ref) -> list[Ref] | None:
    """The borders at the percentiles, upside down where lower is better: the 25th is then the 75th of the rates."""
    reference, *numbers = written.arguments
    shares = [n.value for n in numbers if isinstance(n, ast.Number)]
    strange = next(
        (n for n in numbers if isinstance(n, ast.Number) and not (n.symbol == "%" and 0 < n.value < 1)), None
    )
    if strange is not None:
        low.error(
            "kind-mismatch",
            f"`{strange.span.text}` is no percentile",
            strange.span,
            "write percentages above 0% and below 100%, such as `25%`",
        )
        return None
    if any(a >= b for a, b in pairwise(shares)):
        low.error("gates-out-of-order", "the percentiles do not rise", written.span, "write them from low to high")
        return None
    if isinstance(reference, ast.Text):
        others = reference.value == "others"
        inside = within_set(low, found, written.span)
        return [inside(_of_peers(low, x, share, written.span, others=others)) for share in shares]
    assert isinstance(reference, ast.Name)
    table = low.declared.terms.get(reference.text)
    low.used.add(reference.text)
    if table is None:
        low.scope.unknown(reference, list(low.declared.terms), "table of terms")
        return None
    borders: list[Ref] = []
    for share in shares:
        border = _of_reference(low, found, table, share, reference)
        signed = None if border is None else _signed(low, found, border, reference.span)
        if signed is None:
            return None
        borders.append(signed)
    return borders if _falls_where_lower_is_better(low, found, table, shares) else None


def _of_peers(low: Lowering, x: Ref, share: Fraction, span: Span, *, others: bool) -> Ref:
    return emit_aggregate(low, "percentile", ("network",), x, span, except_own=others, argument=share)


def _of_reference(
    low: Lowering, found: MeasureSet, table: TermsTable, share: Fraction, reference: ast.Name
) -> Ref | None:
    word = f"p{float(share * 100):g}".replace(".", "_")
    if word not in table.columns:
        low.error(
            "unknown-name",
            f"`{table.name}` has no column `{word}`",
            reference.span,
            f"name the columns of a reference by their percentile: `{word}`",
        )
        return None
    keys: list[Ref | None] = []
    for key in table.keys:
        if key not in (found.key, low.scope.period, "year"):
            low.error(
                "grain-mismatch",
                f"a reference is keyed by `{found.key}` and year, `{table.name}` by `{key}`",
                reference.span,
                f"key it `per {found.key}, year`",
            )
            return None
        type_ = Type(Kind.CATEGORY, scheme=key, grain=frozenset({key}))
        if key != found.key:
            type_ = Type(Kind.NUMBER, NONE, frozenset({low.scope.period}), step=Fraction(1))
        keys.append(low.emit(nodes.Key(key), (), type_, reference.span))
    value = tables.terms(low, table, word, keys, reference.span)
    return None if value is None else within_set(low, found, reference.span)(value)


def _falls_where_lower_is_better(low: Lowering, found: MeasureSet, table: TermsTable, shares: list[Fraction]) -> bool:
    """Better percentiles are better rates: a reference rises, and falls for measures where lower is better."""
    at = table.keys.index(found.key) if found.key in table.keys else None
    words = [f"p{float(s * 100):g}".replace(".", "_") for s in shares]
    for row, pattern in enumerate(table.patterns):
        label = None if at is None else pattern[at]
        if not isinstance(label, str) or label not in found.labels:
            continue
        values = [table.columns[w].values[row] for w in words]
        numbers = [v for v in values if isinstance(v, Fraction)]
        falling = label in found.falling
        if any((a < b) if falling else (a > b) for a, b in pairwise(numbers)):
            way, better = ("rise", "lower") if falling else ("fall", "higher")
            low.error(
                "direction-contradicts-gates",
                f"the percentiles of `{label}` {way}, but {better} is better",
                table.spans[row],
                "turn the percentiles round, or correct `lower_is_better`",
            )
            return False
    return True


# Values per measure ----------------------------------------------------------------------------------------------------


def _terms(low: Lowering, found: MeasureSet, column: str, values: dict[str, Fraction], like: Type, span: Span) -> Ref:
    """A value per measure of the set, as a lookup by the key."""
    rows = [nodes.TermsRow((label,), value, span) for label, value in values.items()]
    outside = nodes.TermsRow((None,), Absent(State.NOT_APPLICABLE, f"not one of the measures of `{found.name}`"), span)
    key = low.emit(nodes.Key(found.key), (), Type(Kind.CATEGORY, scheme=found.key, grain=frozenset({found.key})), span)
    type_ = replace(
        like, grain=frozenset({found.key}), step=None, absent=frozenset({State.NOT_APPLICABLE}), literal=False
    )
    return low.emit(nodes.Terms(found.name, column, (*rows, outside)), (key,), type_, span)


def _number(value: Value) -> Fraction:
    assert isinstance(value, Fraction)
    return value
