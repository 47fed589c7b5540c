"""The share of a pool in words: the quota, what rounding did to it, or why there is none."""

from __future__ import annotations

from fractions import Fraction

from contractlang.plan.nodes import Named, Split
from contractlang.runtime.formatting import exactly
from contractlang.runtime.provenance import Point, Provenance
from contractlang.runtime.words import body
from contractlang.values import Absent


def split_of(point: Point) -> Point | None:
    """The split behind a value, if it is the share of a pool."""
    inner = body(point)
    return inner if isinstance(inner.node.op, Split) else None


def split_notes(provenance: Provenance, point: Point, named: Named | None) -> tuple[str, ...]:
    """`48,000 of 72,000 member_months: $671,333.333333…, rounded down`."""
    inner = split_of(point)
    op = None if inner is None else inner.node.op
    if inner is None or not isinstance(op, Split):
        return ()
    if named is not None and (reason := _refused(provenance, point, named)):
        return (f"no share: {reason}",)
    fund, weight = (inner.at(arg) for arg in inner.node.args[:2])
    funded, own, share = (provenance.value(at) for at in (fund, weight, point))
    if isinstance(share, Absent):
        return (f"left out: {share}",)
    rows = provenance.evaluator.rows(point.plan, inner.index, dict(point.key))
    total = sum((_counted(provenance, inner, row) for row in rows), Fraction(0))
    if not isinstance(own, Fraction) or not isinstance(funded, Fraction) or not total:
        return ("nobody has any weight",)
    quota = funded * own / total
    shown = f"{exactly(own, weight.type).split(' ')[0]} of {exactly(total, weight.type)}"
    changed = ""
    if isinstance(share, Fraction) and share != quota:
        changed = ", rounded down" if share < quota else f", {_more(op.unit)} more: among the largest remainders"
    return (f"{shown}: {exactly(quota, inner.type)}{changed}",)


def _more(unit: Fraction) -> str:
    return "one cent" if unit == Fraction(1, 100) else "one dollar" if unit == 1 else f"${unit}"


def _refused(provenance: Provenance, point: Point, named: Named) -> str:
    """The reasons of the requirements that a unit does not meet."""
    failed = [r for r in point.plan.refusals if r.name == named.name]
    return "; ".join(r.reason for r in failed if provenance.value(point.at(r.condition)) is True)


def _counted(provenance: Provenance, inner: Point, row: dict[str, str]) -> Fraction:
    """The weight of a row that takes part."""
    value, *kept = (provenance.value(inner.at(arg, row)) for arg in inner.node.args[1:])
    return value if isinstance(value, Fraction) and all(k is True for k in kept) else Fraction(0)
