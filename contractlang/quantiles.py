"""Quantiles of the normal, Poisson and binomial distributions as correctly rounded decimals (half away from zero).

A quantile is where an increasing probability meets a target. Newton's method comes near in decimals of growing precision;
then the two halves of a unit of the last decimal around the result are decided, each with a bound of the error, so that
the digits are right and not only near.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from statistics import NormalDist

LARGEST_COUNT = 10**8
"""Counts above it are refused, so that the cost of a limit is bounded."""

_STEPS = 200
_MOST_DIGITS = 2000
_TIE_DIGITS = 200
_EXACT_CASES = 2000


@dataclass(frozen=True, slots=True)
class _Near:
    """A probability at a point, the bound of its error, and its slope there."""

    value: Decimal
    error: Decimal
    slope: Decimal


_Curve = Callable[[Fraction, int], _Near]
"""A probability that rises along its argument, computed with so many digits."""


@lru_cache(maxsize=256)
def normal(share: Fraction, decimals: int) -> Fraction:
    """The standard normal quantile of a share between 0 and 1: 1.959963985 for 97.5% with 9 decimals."""
    if not 0 < share < 1:
        raise ValueError(f"no quantile of {share}")
    if share < Fraction(1, 2):
        return -normal(1 - share, decimals)
    if share == Fraction(1, 2):
        return Fraction(0)
    guess = Fraction(NormalDist().inv_cdf(float(share)))
    return _Meeting(_normal_curve, share, decimals).rounded(guess)


@lru_cache(maxsize=65_536)
def poisson_limit(count: int, tail: Fraction, decimals: int, *, upper: bool) -> Fraction:
    """The end of the exact (Garwood) interval of a Poisson mean of which `count` has been seen.

    Lower: the mean for which `count` or more have probability `tail`; upper: for which `count` or fewer have it.
    """
    if not upper and not count:
        return Fraction(0)
    least = count + 1 if upper else count
    target = 1 - tail if upper else tail
    z = NormalDist().inv_cdf(float(target))
    shape = 1 - 1 / (9 * least) + z / (3 * math.sqrt(least))
    guess = Fraction(max(least * shape**3, 1e-6))

    def curve(mean: Fraction, digits: int) -> _Near:
        return _poisson_curve(least, mean, digits)

    return _Meeting(curve, target, decimals).rounded(guess)


@lru_cache(maxsize=65_536)
def binomial_limit(cases: int, size: int, tail: Fraction, decimals: int, *, upper: bool) -> Fraction:
    """The end of the exact (Clopper and Pearson) interval of a share of which `cases` of `size` have been seen."""
    if cases == (size if upper else 0):
        return Fraction(int(upper))
    least = cases + 1 if upper else cases
    target = 1 - tail if upper else tail
    middle = min(max(least / (size + 1), 0.5 / (size + 1)), 1 - 0.5 / (size + 1))
    z = NormalDist().inv_cdf(float(target))
    centre = (middle + z * z / (2 * size)) / (1 + z * z / size)
    spread = z * math.sqrt(middle * (1 - middle) / size + z * z / (4 * size * size)) / (1 + z * z / size)
    guess = Fraction(min(max(centre + spread, 1e-9), 1 - 1e-9))

    def curve(share: Fraction, digits: int) -> _Near:
        return _binomial_curve(least, size, share, digits)

    def exact(share: Fraction) -> Fraction:
        return sum(
            (math.comb(size, k) * share**k * (1 - share) ** (size - k) for k in range(least, size + 1)), Fraction(0)
        )

    return _Meeting(curve, target, decimals, exact if size <= _EXACT_CASES else None, Fraction(1)).rounded(guess)


# Where a probability meets its target ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Meeting:
    """A curve and the target that it meets at a positive point below `most`. `exact` decides a tie, where there can be one."""

    curve: _Curve
    target: Fraction
    decimals: int
    exact: Callable[[Fraction], Fraction] | None = None
    most: Fraction | None = None

    def rounded(self, guess: Fraction) -> Fraction:
        """The decimal nearest to the point."""
        unit = Fraction(1, 10**self.decimals)
        number = math.floor(self._near(guess) / unit + Fraction(1, 2))
        for _ in range(_STEPS):
            if number > 0 and not self._reaches((number - Fraction(1, 2)) * unit):
                number -= 1
            elif self._reaches((number + Fraction(1, 2)) * unit):
                number += 1
            else:
                return number * unit
        return self._bisected(unit)

    def _bisected(self, unit: Fraction) -> Fraction:
        """The same from far away: the point lies at or above half a unit below the result, and below half a unit above it."""
        below, above = 0, 1
        while self._reaches((above - Fraction(1, 2)) * unit):
            below, above = above, above * 2
        while above - below > 1:
            middle = (below + above) // 2
            if self._reaches((middle - Fraction(1, 2)) * unit):
                below = middle
            else:
                above = middle
        return below * unit

    def _reaches(self, point: Fraction) -> bool:
        """Whether the curve meets its target at this point or above it."""
        if self.most is not None and point >= self.most:
            return False
        digits = self.decimals + 25
        while digits <= _MOST_DIGITS:
            found = self.curve(point, digits)
            with decimal.localcontext(prec=digits + 10):
                away = found.value - Decimal(self.target.numerator) / Decimal(self.target.denominator)
                if abs(away) > found.error + Decimal(10) ** (-digits):
                    return away < 0
            if self.exact is not None and digits > _TIE_DIGITS:
                return self.exact(point) <= self.target
            digits *= 2
        return True

    def _near(self, guess: Fraction) -> Fraction:
        """A point close to the meeting, by Newton's method; `rounded` decides what it is worth."""
        point, digits = guess, self.decimals + 25
        for _ in range(40):
            found = self.curve(point, digits)
            with decimal.localcontext(prec=digits + 10):
                if not found.slope:
                    return point
                away = found.value - Decimal(self.target.numerator) / Decimal(self.target.denominator)
                step = away / found.slope
            moved = max(point - Fraction(step), point / 2)
            if self.most is not None and moved >= self.most:
                moved = (point + self.most) / 2
            moved = Fraction(round(moved * 10**digits), 10**digits) or point / 2
            if abs(moved - point) * 10 ** (digits - 8) < 1:
                return moved
            point = moved
        return point


# Probabilities with a bound of error -----------------------------------------------------------------------------------


def _normal_curve(x: Fraction, digits: int) -> _Near:
    """The share below `x` > 0: 1/2 + density * (x + x^3/3 + x^5/15 + …), all terms positive."""
    with decimal.localcontext(prec=digits + 15):
        at = Decimal(x.numerator) / Decimal(x.denominator)
        square = at * at
        term = total = at
        k = 1
        # From where the square is below half of k on, each further term is at most half of the one before.
        while square * 2 > k or term > total * Decimal(10) ** (-digits - 12):
            k += 2
            term = term * square / k
            total += term
        density = (-square / 2).exp() / (2 * _pi(digits + 15)).sqrt()
        value = Decimal("0.5") + density * total
        error = (Decimal(4 * k + 40) + square) * Decimal(10) ** (-digits - 11)
        return _Near(value, error, density)


def _poisson_curve(least: int, mean: Fraction, digits: int) -> _Near:
    """The probability of `least` or more at a mean, from the term of `least` upwards."""
    guard = digits + 15 + len(str(least)) + 5
    with decimal.localcontext(prec=guard, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN):
        mu = Decimal(mean.numerator) / Decimal(mean.denominator)
        logarithm = least * mu.ln() - mu - _log_factorial(least, guard)
        first = logarithm.exp()
        return _summed(first, lambda k: mu / (least + k), first * least / mu, digits)


def _binomial_curve(least: int, size: int, share: Fraction, digits: int) -> _Near:
    """The probability of `least` or more of `size` at a share, from the term of `least` upwards."""
    guard = digits + 15 + len(str(size)) + 5
    with decimal.localcontext(prec=guard, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN):
        p = Decimal(share.numerator) / Decimal(share.denominator)
        rest = 1 - share
        q = Decimal(rest.numerator) / Decimal(rest.denominator)
        ways = _log_factorial(size, guard) - _log_factorial(least, guard) - _log_factorial(size - least, guard)
        first = (ways + least * p.ln() + (size - least) * q.ln()).exp()
        odds = p / q
        return _summed(first, lambda k: odds * (size - least - k + 1) / (least + k), first * least / p, digits)


def _summed(first: Decimal, ratio: Callable[[int], Decimal], slope: Decimal, digits: int) -> _Near:
    """A sum of positive terms whose ratios fall; each term is the one before times `ratio(k)`."""
    term = total = first
    k = 0
    small = Decimal(10) ** (-digits - 12)
    while True:
        k += 1
        by = ratio(k)
        term *= by
        total += term
        if by < 1 and term <= total * small * (1 - by):
            break
    return _Near(total, total * (4 * k + 40) * Decimal(10) ** (-digits - 11) + small, slope)


def _log_factorial(number: int, digits: int) -> Decimal:
    """The natural logarithm of a factorial, with an absolute error below 10**(5 - digits) times its size."""
    if number < 2:
        return Decimal(0)
    if number <= 3000 or digits > 100:
        return Decimal(math.factorial(number)).ln()
    n = Decimal(number)
    total = (n + Decimal("0.5")) * n.ln() - n + (2 * _pi(digits)).ln() / 2
    # Stirling's series: the error is below the first term left out, less than 10**-100 for n above 3000.
    power = n
    for k, bernoulli in enumerate(_BERNOULLI, 1):
        total += Decimal(bernoulli.numerator) / (bernoulli.denominator * 2 * k * (2 * k - 1) * power)
        power *= n * n
    return total


_BERNOULLI = tuple(
    Fraction(*pair)
    for pair in (
        (1, 6), (-1, 30), (1, 42), (-1, 30), (5, 66), (-691, 2730), (7, 6), (-3617, 510), (43867, 798),
        (-174611, 330), (854513, 138), (-236364091, 2730), (8553103, 6), (-23749461029, 870),
    )
)  # fmt: skip


@lru_cache(maxsize=64)
def _pi(digits: int) -> Decimal:
    """Pi by Machin's formula."""
    with decimal.localcontext(prec=digits + 10):
        scale: int = 10 ** (digits + 8)

        def arctan(inverse: int) -> int:
            term = total = scale // inverse
            k, sign = 1, 1
            while term:
                term //= inverse * inverse
                k, sign = k + 2, -sign
                total += sign * (term // k)
            return total

        return Decimal(4 * (4 * arctan(5) - arctan(239))) / scale
