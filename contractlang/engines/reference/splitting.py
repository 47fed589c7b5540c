"""Splitting a fund exactly: whole units by largest remainder, nothing left over and nothing invented."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from contractlang.values import Absent, State

NOT_WHOLE = Absent(State.NOT_REPORTABLE, "the fund is no whole multiple of what is split")
BELOW_ZERO = Absent(State.NOT_REPORTABLE, "the fund or a weight is below zero")


def split(fund: Fraction, weights: Sequence[Fraction], unit: Fraction) -> list[Fraction] | Absent:
    """The share of each weight in a fund, in multiples of `unit` (> 0). Of equal remainders the first one comes first.

    All weights zero: nothing is given out. Otherwise the shares add up to the fund, and each is less than a unit away
    from fund * weight / total weight.
    """
    parts = fund / unit
    if parts.denominator != 1:
        return NOT_WHOLE
    if parts < 0 or any(weight < 0 for weight in weights):
        return BELOW_ZERO
    return [share * unit for share in whole_shares(parts.numerator, whole(weights))]


def whole(weights: Sequence[Fraction]) -> list[int]:
    """The weights as whole numbers in the same proportion."""
    common = math.lcm(*(weight.denominator for weight in weights)) if weights else 1
    return [weight.numerator * (common // weight.denominator) for weight in weights]


def whole_shares(parts: int, weights: Sequence[int]) -> list[int]:
    """`parts` things handed out by weights that are not below zero."""
    total = sum(weights)
    if not total:
        return [0] * len(weights)
    quotas = [divmod(parts * weight, total) for weight in weights]
    shares = [floor for floor, _ in quotas]
    left = parts - sum(shares)
    for place in sorted(range(len(weights)), key=lambda i: -quotas[i][1])[:left]:
        shares[place] += 1
    return shares
