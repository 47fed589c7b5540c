"""What can be known about a value before any data: its range, its truth, its labels, and the states it may be in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from contractlang.plan import nodes
from contractlang.values import Absent, State, Value

BOTH = frozenset({True, False})


@dataclass(frozen=True, slots=True)
class Abstract:
    """A set of possible values: numbers from `low` to `high` (None: unbounded), not zero if `nonzero`; flags in `truth`;
    labels in `labels` (None: any). `present` says whether a value is possible at all beside the `states` of absence."""

    low: Fraction | None = None
    high: Fraction | None = None
    nonzero: bool = False
    truth: frozenset[bool] = BOTH
    labels: frozenset[str] | None = None
    states: frozenset[State] = frozenset()
    present: bool = True

    def __hash__(self) -> int:
        """Cheap: ranges are keys of every look-up, and hashing fractions is slow."""
        low, high = self.low, self.high
        return hash(
            (low and low.numerator, high and high.numerator, self.nonzero, self.truth, self.labels, self.states)
        )

    @property
    def never_zero(self) -> bool:
        return self.nonzero or (self.low is not None and self.low > 0) or (self.high is not None and self.high < 0)

    def with_states(self, states: Iterable[State]) -> Abstract:
        return self.having(self.states | frozenset(states))

    def having(self, states: frozenset[State]) -> Abstract:
        """The same values beside other states."""
        if states == self.states:
            return self
        return Abstract(self.low, self.high, self.nonzero, self.truth, self.labels, states, self.present)


ANY = Abstract()


def exactly(value: Value) -> Abstract:
    match value:
        case Absent(state=state):
            return Abstract(states=frozenset({state}), present=False, truth=frozenset(), labels=frozenset())
        case bool():
            return Abstract(truth=frozenset({value}))
        case Fraction():
            return Abstract(value, value, value != 0)
        case str():
            return Abstract(labels=frozenset({value}))
        case _:
            return ANY


def join(parts: Iterable[Abstract]) -> Abstract:
    """Everything that any of the parts allows."""
    found = list(parts)
    states = frozenset().union(*(p.states for p in found))
    values = [p for p in found if p.present]
    if not values:
        return Abstract(states=states, present=False, truth=frozenset(), labels=frozenset())
    lows, highs = [p.low for p in values], [p.high for p in values]
    labels = None if any(p.labels is None for p in values) else frozenset().union(*(p.labels or () for p in values))
    return Abstract(
        None if None in lows else min(x for x in lows if x is not None),
        None if None in highs else max(x for x in highs if x is not None),
        all(p.never_zero for p in values),
        frozenset().union(*(p.truth for p in values)),
        labels,
        states,
    )


def meet(a: Abstract, b: Abstract) -> Abstract:
    """What both allow."""
    lows = [x for x in (a.low, b.low) if x is not None]
    highs = [x for x in (a.high, b.high) if x is not None]
    labels = a.labels if b.labels is None else b.labels if a.labels is None else a.labels & b.labels
    return Abstract(
        max(lows, default=None),
        min(highs, default=None),
        a.nonzero or b.nonzero,
        a.truth & b.truth,
        labels,
        a.states & b.states,
        a.present and b.present,
    )


ALL_STATES = frozenset({State.MISSING, State.NOT_REPORTABLE, State.NOT_APPLICABLE})
UNRESTRICTED = Abstract(states=ALL_STATES)
"""The neutral element of `meet`."""


def power(a: Abstract, exponent: int, states: frozenset[State]) -> Abstract:
    """An integer power; one below zero of what may be zero is not reportable."""
    if exponent < 0 and not a.never_zero:
        return Abstract(states=states | {State.NOT_REPORTABLE})
    if exponent > 0 and a.low is not None and a.low >= 0:
        return Abstract(a.low**exponent, None if a.high is None else a.high**exponent, a.nonzero, states=states)
    return Abstract(Fraction(0) if exponent % 2 == 0 else None, None, a.never_zero, states=states)


def add(a: Abstract, b: Abstract) -> Abstract:
    return Abstract(_plus(a.low, b.low), _plus(a.high, b.high))


def negate(a: Abstract) -> Abstract:
    return Abstract(None if a.high is None else -a.high, None if a.low is None else -a.low, a.nonzero)


def multiply(a: Abstract, b: Abstract) -> Abstract:
    nonzero = a.never_zero and b.never_zero
    ends = (a.low, a.high, b.low, b.high)
    if all(e is not None for e in ends):
        products = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]  # type: ignore[operator]
        return Abstract(min(products), max(products), nonzero)
    if a.low is not None and b.low is not None and a.low >= 0 and b.low >= 0:
        return Abstract(a.low * b.low, None, nonzero)
    return Abstract(nonzero=nonzero)


def divide(a: Abstract, b: Abstract) -> Abstract:
    """The quotient where b is not zero."""
    if b.low is not None and b.low > 0:
        inverse = Abstract(Fraction(0) if b.high is None else 1 / b.high, 1 / b.low, True)
        return multiply(a, inverse)
    nonnegative = a.low is not None and a.low >= 0 and b.low is not None and b.low >= 0
    return Abstract(Fraction(0) if nonnegative else None, None, a.never_zero)


def _plus(a: Fraction | None, b: Fraction | None) -> Fraction | None:
    return None if a is None or b is None else a + b


def compare(op: str, a: Abstract, b: Abstract) -> frozenset[bool]:
    """The possible outcomes of a comparison of two present values."""
    if op in ("is", "is not"):
        equal = _equal(a, b)
        return equal if op == "is" else frozenset(not t for t in equal)
    if op in (">", ">="):
        a, b, op = b, a, {">": "<", ">=": "<="}[op]
    # From here on `op` is `<` or `<=`.
    if a.high is not None and b.low is not None and (a.high < b.low or (op == "<=" and a.high == b.low)):
        return frozenset({True})
    if a.low is not None and b.high is not None and (a.low > b.high or (op == "<" and a.low == b.high)):
        return frozenset({False})
    return BOTH


def _equal(a: Abstract, b: Abstract) -> frozenset[bool]:
    if a.labels is not None and b.labels is not None:
        if not a.labels & b.labels:
            return frozenset({False})
        return frozenset({True}) if len(a.labels | b.labels) == 1 else BOTH
    if len(a.truth) == len(b.truth) == 1:
        return frozenset({a.truth == b.truth})
    apart = (a.high is not None and b.low is not None and a.high < b.low) or (
        a.low is not None and b.high is not None and a.low > b.high
    )
    if apart:
        return frozenset({False})
    if a.low is not None and a.low == a.high == b.low == b.high:
        return frozenset({True})
    return BOTH


def matches(pattern: Value | tuple[Value | None, Value | None] | None, key: Abstract) -> bool:
    """Whether a key cell of a table of terms can be met by a key."""
    match pattern:
        case None:
            return True
        case tuple():
            low, high = pattern
            if isinstance(low, Fraction) and key.high is not None and key.high < low:
                return False
            return not (isinstance(high, Fraction) and key.low is not None and key.low > high)
        case str():
            return key.labels is None or pattern in key.labels
        case Fraction():
            return (key.low is None or key.low <= pattern) and (key.high is None or key.high >= pattern)
        case _:
            return True


# Scales -------------------------------------------------------------------------------------------------------------


def inside(curve: nodes.Curve, x: Abstract) -> bool:
    """Whether every value of the argument lies in a piece of the curve."""
    pieces = curve.pieces
    low, high = x.low, x.high
    if curve.symmetric and (low is None or low < 0):
        low, high = size(x).low, size(x).high
    if pieces[0].low is not None and (low is None or low < pieces[0].low):
        return False
    last = pieces[-1]
    if last.high is None:
        return True
    return high is not None and (high < last.high or (high == last.high and last.closed))


def curve_range(curve: nodes.Curve, x: Abstract) -> Abstract:
    """The values that a scale takes on a range; a marginal one is only known to keep the sign."""
    if curve.symmetric and (x.low is None or x.low < 0):
        one_sided = curve_range(replace(curve, symmetric=False), size(x))
        return one_sided if x.high is not None and x.high <= 0 else join((one_sided, negate(one_sided)))
    if curve.marginal:
        rates = [p.value for p in curve.pieces]
        if min(rates) >= 0 and x.low is not None and x.low >= 0:
            return Abstract(Fraction(0), None if x.high is None else x.high * max(rates))
        return ANY
    ends: list[Fraction] = []
    for piece in curve.pieces:
        if beyond(piece, x):
            continue
        ends.append(piece.value)
        if piece.slope and piece.low is not None:
            if piece.high is None:
                return ANY
            ends.append(piece.value + piece.slope * (piece.high - piece.low))
    return Abstract(min(ends), max(ends), min(ends) * max(ends) > 0) if ends else ANY


def beyond(piece: nodes.Piece, x: Abstract) -> bool:
    """Whether no value of the range reaches the piece."""
    below = piece.high is not None and x.low is not None and x.low > piece.high
    return below or (piece.low is not None and x.high is not None and x.high < piece.low)


def size(a: Abstract) -> Abstract:
    """The range of the size of a number."""
    if a.low is not None and a.low >= 0:
        return Abstract(a.low, a.high, a.nonzero)
    if a.high is not None and a.high <= 0:
        return negate(Abstract(a.low, a.high, a.nonzero))
    top = None if a.low is None or a.high is None else max(-a.low, a.high)
    return Abstract(Fraction(0), top, a.never_zero)


# Conditions and choices ----------------------------------------------------------------------------------------------


def extreme(op: str, args: Sequence[Abstract]) -> Abstract:
    """`min` or `max`: arguments that are not applicable do not bind."""
    states = frozenset[State]().union(*(a.states for a in args))
    sure = [a for a in args if State.NOT_APPLICABLE not in a.states and a.present]
    if sure:
        states -= {State.NOT_APPLICABLE}
    joined = join(args)
    lows = [a.low for a in sure if a.low is not None]
    highs = [a.high for a in sure if a.high is not None]
    low, high = joined.low, joined.high
    if op == "max":
        low = max([*lows, *([] if low is None else [low])], default=None)
    else:
        high = min([*highs, *([] if high is None else [high])], default=None)
    return Abstract(low, high, all(a.never_zero for a in args), states=states)


def among(op: nodes.Among, a: Abstract) -> frozenset[bool]:
    """The possible outcomes of `in`."""
    if a.labels is None or op.ranges:
        return BOTH
    found = a.labels & {v for v in op.values if isinstance(v, str)}
    if not found:
        return frozenset({False})
    return frozenset({True}) if found == a.labels else BOTH


def logic(op: str, args: Sequence[Abstract]) -> Abstract:
    """`and`, `or`, `not`: an argument that decides wins over absence."""
    if op == "not":
        return replace(args[0], truth=frozenset(not t for t in args[0].truth))
    decides = op == "or"
    if any(a.truth == {decides} and not a.states for a in args):
        return Abstract(truth=frozenset({decides}))
    truth: set[bool] = set()
    if any(decides in a.truth for a in args):
        truth.add(decides)
    if all((not decides) in a.truth for a in args):
        truth.add(not decides)
    states = frozenset[State]().union(*(a.states for a in args))
    return Abstract(truth=frozenset(truth), states=states, present=bool(truth))


def test(state: str, a: Abstract) -> Abstract:
    """Whether a value is applicable, reportable or missing; of a missing value only the last is known."""
    passing: frozenset[State]
    match state:
        case "applicable":
            passing = frozenset({State.NOT_REPORTABLE})
        case "reportable":
            passing = frozenset()
        case _:
            passing = frozenset({State.MISSING})
    unknown = frozenset() if state == "missing" else a.states & {State.MISSING}
    # Any cell of a file may lack its value, whatever is proved of the value where it is there.
    yes = bool(a.states & passing) or a.present
    no = bool(a.states - passing - unknown) or (a.present and state == "missing")
    truth = frozenset(t for t, possible in ((True, yes), (False, no)) if possible)
    return Abstract(truth=truth or BOTH, states=unknown)
