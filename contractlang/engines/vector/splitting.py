"""Splits over the settlement units: whole shares of a fund, on whole arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from contractlang.engines.reference import splitting
from contractlang.engines.reference.operations import number
from contractlang.engines.vector import network
from contractlang.engines.vector.kernels import LIMIT
from contractlang.engines.vector.lanes import Number
from contractlang.engines.vector.network import Array, Members, NotDecidedError
from contractlang.engines.vector.outcome import Outcome
from contractlang.plan.nodes import Split
from contractlang.values import Absent, State, Value

NARROW = 2**62


@dataclass(frozen=True, slots=True)
class Claims:
    """What a fund is split by: the weights, who counts, the labels of all units, and the exact weight of one by its row."""

    weight: Outcome
    who: Members
    labels: Sequence[str]
    exact: Callable[[int], Value]


def split(op: Split, fund: Value, claims: Claims) -> Outcome:
    """The share of every unit. Raises NotDecidedError.

    Weights that are whole numbers of one unit stay in arrays; others are asked for one by one.
    """
    who = claims.who
    states = who.states.copy()
    states[who.left_out] = 0
    shares = np.zeros(len(states))
    if who.missing.any():
        states[who.counting] = int(State.MISSING)
    elif isinstance(fund, Absent):
        states[who.counting] = int(fund.state)
    elif who.counting.any():
        found = _shares(op, number(fund), claims)
        if isinstance(found, Absent):
            states[who.counting] = int(found.state)
        else:
            shares[who.counting] = found
    return Outcome(Number(-1, op.unit, 0.0, float(shares.max(initial=0.0)), states=0), shares, states)


def _shares(op: Split, fund: Fraction, claims: Claims) -> Array | Absent:
    """Shares of the units that count, in multiples of the split's unit."""
    parts = fund / op.unit
    if parts.denominator != 1:
        return splitting.NOT_WHOLE
    positions = claims.who.positions.tolist()
    amounts = network.amounts(claims.weight, claims.who)
    if amounts.error:
        whole = splitting.whole([number(claims.exact(row)) for row in positions])
    else:
        whole = [int(size) for size in amounts.floats.tolist()]
        whole = whole if amounts.unit > 0 else [-size for size in whole]
    if parts < 0 or min(whole) < 0:
        return splitting.BELOW_ZERO
    if parts > LIMIT:
        raise NotDecidedError
    order = sorted(range(len(whole)), key=lambda place: claims.labels[positions[place]])
    return _handed_out(parts.numerator, whole, np.array(order, dtype=np.int64))


def _handed_out(parts: int, weights: Sequence[int], order: Array) -> Array:
    """`parts` things by largest remainder; equal remainders in the given order."""
    total = sum(weights)
    if not total:
        return np.zeros(len(weights))
    if parts * max(weights) < NARROW and total < NARROW:
        scaled = np.array(weights, dtype=np.int64) * parts
        shares, rest = scaled // total, scaled % total
    else:
        pairs = [divmod(parts * weight, total) for weight in weights]
        shares = np.array([share for share, _ in pairs], dtype=np.int64)
        rest = np.array([rest for _, rest in pairs], dtype=object)
    left = parts - int(shares.sum())
    if left:
        ranked = order[np.argsort(-rest[order], kind="stable")]
        shares[ranked[:left]] += 1
    return shares.astype(np.float64)
