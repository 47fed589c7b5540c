"""Square roots and fractional powers as correctly rounded decimals (half away from zero), decided exactly.

Integers settle every case whose numbers stay small. A long exponent (`power(1.03, 0.123456789, …)`) would need numbers
of billions of digits; there the result is irrational, so that decimals of growing precision always decide it.
"""

from __future__ import annotations

import decimal
import math
from fractions import Fraction

from contractlang.engines.reference.operations import ZERO_DENOMINATOR
from contractlang.values import Absent, Rounding, State, Value, round_to

NEGATIVE = Absent(State.NOT_REPORTABLE, "root of a negative number")
TOO_LARGE = Absent(State.NOT_REPORTABLE, "power too large")

LARGEST = 1000
"""Results from 10**LARGEST on are refused, so that the cost of a power is bounded."""

_INTEGER_BITS = 40_000


def square_root(value: Fraction, decimals: int) -> Value:
    """The decimal with so many decimals that is nearest to the square root."""
    if value < 0:
        return NEGATIVE
    scaled = value * 10 ** (2 * decimals)
    below = math.isqrt(scaled.numerator // scaled.denominator)
    up = (2 * below + 1) ** 2 <= 4 * scaled
    return Fraction(below + up, 10**decimals)


def fractional_power(base: Fraction, exponent: Fraction, decimals: int) -> Value:
    """The decimal with so many decimals that is nearest to `base` to the power `exponent`."""
    if base < 0:
        return NEGATIVE
    if not base:
        return ZERO_DENOMINATOR if exponent < 0 else Fraction(int(not exponent))
    if base == 1 or not exponent:
        return Fraction(1)
    size = _size(base, exponent)
    if size > LARGEST:
        return TOO_LARGE
    if size < -decimals - 2:
        return Fraction(0)
    rise, root = exponent.numerator, exponent.denominator
    if abs(rise) * _bits(base) + 4 * root * (decimals + 1) <= _INTEGER_BITS:
        return _by_integers(base**rise, root, decimals)
    exact = _exact_root(base, root)
    if exact is not None and abs(rise) * _bits(exact) <= _INTEGER_BITS:
        return round_to(exact**rise, Fraction(1, 10**decimals), Rounding.HALF_AWAY)
    # No tie is left: the result is irrational, or a fraction whose denominator is too long for one.
    return _by_decimals(base, exponent, decimals, math.ceil(size))


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _size(base: Fraction, exponent: Fraction) -> float:
    """The decimal logarithm of the result, roughly."""
    logarithm = math.log10(base.numerator) - math.log10(base.denominator)
    if abs(logarithm) < 1e-3:
        logarithm = math.log1p(float(base - 1)) / math.log(10)
    if exponent.numerator.bit_length() - exponent.denominator.bit_length() > 1000:
        return math.inf if (logarithm > 0) is (exponent > 0) else -math.inf
    return logarithm * float(exponent)


def _exact_root(base: Fraction, root: int) -> Fraction | None:
    """The rational `root`-th root, if there is one."""
    found = []
    for value in (base.numerator, base.denominator):
        if value > 1 and root > value.bit_length():
            return None
        candidate = _floor_root(value, root)
        if value > 1 and candidate**root != value:
            return None
        found.append(candidate)
    return Fraction(*found)


def _by_integers(radicand: Fraction, root: int, decimals: int) -> Fraction:
    """The nearest decimal to the `root`-th root: the largest n with ((2n - 1) / (2 * 10**decimals))**root <= radicand."""
    scaled = radicand * (2 * 10**decimals) ** root
    return Fraction((_floor_root(scaled.numerator // scaled.denominator, root) + 1) // 2, 10**decimals)


def _floor_root(value: int, root: int) -> int:
    """The largest integer whose `root`-th power is at most `value` (>= 0), by Newton's method from above."""
    if root == 1 or value < 2:
        return value
    guess = 1 << -(-value.bit_length() // root)
    while True:
        better = ((root - 1) * guess + value // guess ** (root - 1)) // root
        if better >= guess:
            return guess
        guess = better


def _by_decimals(base: Fraction, exponent: Fraction, decimals: int, size: int) -> Fraction:
    """The same for an irrational result, whose digits decide sooner or later."""
    precision = max(size, 0) + decimals + 20
    while True:
        with decimal.localcontext(prec=precision, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN) as context:
            logarithm = decimal.Decimal(base.numerator).ln(context) - decimal.Decimal(base.denominator).ln(context)
            power = logarithm * exponent.numerator / exponent.denominator
            result = Fraction(power.exp(context))
            # Each of the five operations is off by at most one unit in its last place; the logarithms and the power
            # carry theirs into the result multiplied by their sizes.
            parts = 2 * _bits(base) + 4
            spread = 4 * Fraction(parts) * (abs(exponent) + 2) * Fraction(10) ** (2 - precision)
        scale = 10**decimals
        low, high = (math.floor(result * (1 + sign * spread) * scale + Fraction(1, 2)) for sign in (-1, 1))
        if low == high and spread < 1:
            return Fraction(low, scale)
        precision *= 2
