"""Quantiles are correctly rounded: checked against published digits, and against exact sums around each result."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contractlang.quantiles import binomial_limit, normal, poisson_limit

TAIL = Fraction(1, 40)


@pytest.mark.parametrize(
    ("share", "decimals", "digits"),
    [
        ("0.975", 9, "1.959963985"),
        ("0.975", 30, "1.959963984540054235524594430521"),
        ("0.95", 15, "1.644853626951473"),
        ("0.025", 6, "-1.959964"),
        ("0.5", 4, "0"),
        ("0.9999999", 9, "5.199337582"),
    ],
)
def test_normal(share: str, decimals: int, digits: str) -> None:
    assert normal(Fraction(share), decimals) == Fraction(digits)


@pytest.mark.parametrize("share", ["0", "1", "1.5"])
def test_no_quantile_of_an_end(share: str) -> None:
    with pytest.raises(ValueError, match="no quantile"):
        normal(Fraction(share), 3)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, "0", "3.6889"), (1, "0.0253", "5.5716"), (10, "4.7954", "18.3904"), (100, "81.3640", "121.6268")],
)
def test_poisson_limits_of_the_tables(count: int, low: str, high: str) -> None:
    """Garwood, Biometrika 1936, as reprinted in tables of vital statistics."""
    ends = [poisson_limit(count, TAIL, 4, upper=upper) for upper in (False, True)]
    assert ends == [Fraction(low), Fraction(high)]


@given(st.integers(1, 25), st.integers(0, 6), st.booleans())
@settings(max_examples=15, deadline=None)
def test_poisson_limits_are_between_the_halves(count: int, decimals: int, upper: bool) -> None:
    """The sum of the tail in fractions, with e enclosed from both sides."""
    found = poisson_limit(count, TAIL, decimals, upper=upper)
    half = Fraction(1, 2 * 10**decimals)
    least = count + 1 if upper else count
    target = 1 - TAIL if upper else TAIL
    for point, above in ((found - half, False), (found + half, True)):
        if point <= 0:
            continue
        below = sum((point**k / math.factorial(k) for k in range(least)), Fraction(0))
        terms = 60 + int(3 * point)
        exponential = sum((point**k / math.factorial(k) for k in range(terms)), Fraction(0))
        rest = point**terms / math.factorial(terms) * 2
        least_value, most_value = 1 - below / exponential, 1 - below / (exponential + rest)
        assert (least_value > target) if above else (most_value <= target)


@given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.integers(0, 9), st.booleans())
@settings(max_examples=30, deadline=None)
def test_binomial_limits_are_between_the_halves(counts: tuple[int, int], decimals: int, upper: bool) -> None:
    cases, size = counts
    found = binomial_limit(cases, size, TAIL, decimals, upper=upper)
    if cases == (size if upper else 0):
        assert found == int(upper)
        return
    half = Fraction(1, 2 * 10**decimals)
    least = cases + 1 if upper else cases
    target = 1 - TAIL if upper else TAIL

    def reached(share: Fraction) -> Fraction:
        terms = (math.comb(size, k) * share**k * (1 - share) ** (size - k) for k in range(least, size + 1))
        return sum(terms, Fraction(0))

    assert found - half <= 0 or reached(found - half) <= target
    assert found + half >= 1 or reached(found + half) > target


def test_a_limit_that_is_a_decimal_half_is_rounded_away_from_zero() -> None:
    assert binomial_limit(1, 1, TAIL, 2, upper=False) == Fraction("0.03")
    assert binomial_limit(1, 1, TAIL, 3, upper=False) == Fraction("0.025")


def test_large_counts_take_no_sums_of_all_terms() -> None:
    assert poisson_limit(1_000_000, TAIL, 6, upper=False) == Fraction("998040.983340")
    assert binomial_limit(100_000, 1_000_000, TAIL, 6, upper=True) == Fraction("0.100590")
