"""Which keys a table of terms has no row for, given what its keys can be."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice, product

from contractlang.plan import nodes
from contractlang.plan.abstract import Abstract, matches
from contractlang.values import Value

Pattern = Value | tuple[Value | None, Value | None] | None

MOST_TRIALS = 20_000
MOST_WORK = 400_000

OTHER = "\N{HORIZONTAL ELLIPSIS}"
"""A key value that no row names, where values cannot be listed."""


def reachable(op: nodes.Terms, keys: Sequence[Abstract]) -> list[nodes.TermsRow]:
    """The rows that a combination of keys can be the first to match."""
    if len(keys) != 1 or keys[0].labels is None:
        return [r for r in op.rows if all(map(matches, r.keys, keys))]
    labels = set(keys[0].labels)
    found: list[nodes.TermsRow] = []
    for row in op.rows:
        pattern = row.keys[0]
        if pattern is None:
            return [*found, row] if labels else found
        if isinstance(pattern, str) and pattern in labels:
            labels.discard(pattern)
            found.append(row)
    return found


def uncovered(op: nodes.Terms, keys: Sequence[Abstract], whole: Sequence[bool]) -> tuple[Value, ...] | None:
    """A combination of keys without a row, as an example; None when every combination has one.

    Numbers are tried at every border of a row, between borders, and beyond them; `whole` says which keys are whole
    numbers, between whose borders there may be nothing. Keys that can be anything have a row only by `otherwise`.
    """
    if any(all(p is None for p in row.keys) for row in op.rows) or not all(k.present for k in keys):
        return None
    samples = [
        _samples([row.keys[i] for row in op.rows], key, one_by_one)
        for i, (key, one_by_one) in enumerate(zip(keys, whole, strict=True))
    ]
    stated = {row.keys for row in op.rows}
    broad = [row.keys for row in op.rows if any(p is None or isinstance(p, tuple) for p in row.keys)]
    if len(keys) == 1:
        ranges = _Sorted([p for (p,) in broad if isinstance(p, tuple)])
        return next(((v,) for v in samples[0] if (v,) not in stated and v not in ranges), None)
    work = 1
    for choice in samples:
        work *= len(choice)
    if work > MOST_TRIALS or work * len(broad) > MOST_WORK:
        return tuple(choice[0] if len(choice) == 1 else OTHER for choice in samples)
    for tried in islice(product(*samples), MOST_TRIALS):
        if tried in stated:
            continue
        if not any(all(_holds(p, v) for p, v in zip(row, tried, strict=True)) for row in broad):
            return tried
    return None


class _Sorted:
    """Ranges of numbers that do not overlap."""

    def __init__(self, ranges: Sequence[tuple[Value | None, Value | None]]) -> None:
        numbers = [r for r in ranges if all(e is None or type(e) is Fraction for e in r)]
        self.ranges = sorted(numbers, key=lambda r: (r[0] is not None, r[0] if isinstance(r[0], Fraction) else 0))
        self.starts = [r[0] if isinstance(r[0], Fraction) else float("-inf") for r in self.ranges]

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, Fraction):
            return False
        at = bisect_right(self.starts, value) - 1
        return at >= 0 and _holds(self.ranges[at], value)


def _samples(patterns: Sequence[Pattern], key: Abstract, whole: bool) -> list[Value]:
    if key.labels is not None:
        return [*sorted(key.labels)]
    numbers = sorted({x for x in _borders(patterns) if isinstance(x, Fraction)})
    if not numbers:
        return [OTHER]
    return [x for x in _around(numbers, key, whole) if _possible(x, key)]


def _borders(patterns: Sequence[Pattern]) -> Iterator[Value]:
    for pattern in patterns:
        for end in pattern if isinstance(pattern, tuple) else (pattern,):
            if end is not None:
                yield end


def _around(numbers: Sequence[Fraction], key: Abstract, whole: bool) -> Iterator[Fraction]:
    ends = [x for x in (key.low, key.high) if x is not None]
    points = sorted({*numbers, *ends})
    yield points[0] - 1
    for before, after in zip(points, [*points[1:], None], strict=True):
        yield before
        if after is None:
            yield before + 1
        elif not whole:
            yield (before + after) / 2
        elif before + 1 < after:
            yield before + 1


def _possible(x: Fraction, key: Abstract) -> bool:
    return (key.low is None or key.low <= x) and (key.high is None or x <= key.high)


def _holds(pattern: Pattern, value: Value) -> bool:
    if pattern is None:
        return True
    if isinstance(pattern, tuple):
        low, high = pattern
        if not isinstance(value, Fraction):
            return False
        return (low is None or low <= value) and (high is None or value <= high)  # type: ignore[operator]
    return value == pattern
