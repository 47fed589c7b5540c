"""Which keys a table of terms has no row for, given what its keys can be."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise, product
from math import ceil, floor, inf, prod

from contractlang.plan import nodes
from contractlang.plan.abstract import Abstract, exactly, matches
from contractlang.values import Value

Pattern = Value | tuple[Value | None, Value | None] | None

MOST_TRIALS = 20_000
MOST_WORK = 400_000

OTHER = "\N{HORIZONTAL ELLIPSIS}"
"""A key value that no row names, where values cannot be listed."""


class Coverage:
    """The rows of one table of terms, ordered for questions about ranges of keys."""

    def __init__(self, op: nodes.Terms) -> None:
        self.op = op
        self._values: dict[int, Abstract] = {}
        self.single = len(op.rows[0].keys) == 1 if op.rows else False
        self.otherwise = next((r for r in op.rows if all(p is None for p in r.keys)), None)
        numbers = [(*_ends(r.keys[0]), r) for r in op.rows if self.single and _numeric(r.keys[0])]
        self.numbers = sorted(numbers, key=lambda n: n[0])
        self.starts = [n[0] for n in self.numbers]
        self.stops = [n[1] for n in self.numbers]
        self.plain = self.single and len(numbers) + (self.otherwise is not None) == len(op.rows)

    def value(self, row: nodes.TermsRow) -> Abstract:
        """What a row says."""
        if id(row) not in self._values:
            self._values[id(row)] = exactly(row.value)
        return self._values[id(row)]

    def reachable(self, keys: Sequence[Abstract]) -> list[nodes.TermsRow]:
        """The rows that a combination of keys can be the first to match."""
        if self.single and keys[0].labels is not None:
            return self._by_label(keys[0].labels)
        if not self.plain:
            return [r for r in self.op.rows if all(map(matches, r.keys, keys))]
        low, high = _reach(keys[0])
        found = [row for _, _, row in self.numbers[bisect_left(self.stops, low) : bisect_right(self.starts, high)]]
        return found if self.otherwise is None else [*found, self.otherwise]

    def _by_label(self, labels: frozenset[str]) -> list[nodes.TermsRow]:
        open_ = set(labels)
        found: list[nodes.TermsRow] = []
        for row in self.op.rows:
            pattern = row.keys[0]
            if pattern is None:
                return [*found, row] if open_ else found
            if isinstance(pattern, str) and pattern in open_:
                open_.discard(pattern)
                found.append(row)
        return found

    def lacking(self, keys: Sequence[Abstract], whole: Sequence[bool]) -> tuple[Value, ...] | None:
        """A combination of keys without a row, as an example; None when every combination has one.

        `whole` says which keys are whole numbers, between whose borders there may be nothing. Keys that can be anything
        have a row only by `otherwise`.
        """
        if self.otherwise is not None or not all(k.present for k in keys):
            return None
        if self.plain and keys[0].labels is None:
            gap = self._gap(keys[0], whole[0])
            return None if gap is None else (gap,)
        return _tried(self.op, keys, whole)

    def _gap(self, key: Abstract, whole: bool) -> Fraction | None:
        """A number in the range of the key that no row holds."""
        low, high = _reach(key)
        if whole and isinstance(low, Fraction):
            low = Fraction(ceil(low))
        held = self.numbers[bisect_left(self.stops, low) : bisect_right(self.starts, high)]
        if not held or held[0][0] > low:
            return next(Fraction(x) for x in (low, high, held[0][0] - 1 if held else 0) if abs(x) != inf)
        for (_, stop, _), (start, _, _) in pairwise(held):
            following = Fraction(floor(stop)) + 1 if whole else (stop + start) / 2
            if following < start:
                return Fraction(following)
        stop = held[-1][1]
        if stop >= high or (whole and floor(stop) + 1 > high):
            return None
        return Fraction(floor(stop)) + 1 if whole or high == inf else Fraction(high)


Bound = Fraction | float
"""A number, or an infinite float for an open end."""


def _ends(pattern: Pattern) -> tuple[Bound, Bound]:
    low, high = pattern if isinstance(pattern, tuple) else (pattern, pattern)
    return low if isinstance(low, Fraction) else -inf, high if isinstance(high, Fraction) else inf


def _numeric(pattern: Pattern) -> bool:
    if isinstance(pattern, tuple):
        return all(e is None or type(e) is Fraction for e in pattern)
    return type(pattern) is Fraction


def _reach(key: Abstract) -> tuple[Bound, Bound]:
    return -inf if key.low is None else key.low, inf if key.high is None else key.high


def _tried(op: nodes.Terms, keys: Sequence[Abstract], whole: Sequence[bool]) -> tuple[Value, ...] | None:
    """Every combination of labels, borders of rows and numbers between them, as far as they are few enough to try."""
    samples = [
        _samples([row.keys[i] for row in op.rows], key, one_by_one)
        for i, (key, one_by_one) in enumerate(zip(keys, whole, strict=True))
    ]
    stated = {row.keys for row in op.rows}
    broad = [row.keys for row in op.rows if any(p is None or isinstance(p, tuple) for p in row.keys)]
    work = prod(len(choice) for choice in samples)
    if work > MOST_TRIALS or work * len(broad) > MOST_WORK:
        return tuple(choice[0] if len(choice) == 1 else OTHER for choice in samples)
    for tried in product(*samples):
        if tried not in stated and not any(all(map(_holds, row, tried)) for row in broad):
            return tried
    return None


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
