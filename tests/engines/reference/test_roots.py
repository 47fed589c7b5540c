"""Roots and powers are the nearest decimal, whatever the size of their numbers."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contractlang.engines.reference.roots import TOO_LARGE, fractional_power, square_root
from contractlang.values import Absent, State, Value

Q = Fraction

positive = st.fractions(min_value=0, max_value=10**12, max_denominator=10**6)
small = st.builds(Q, st.integers(-30, 30), st.integers(1, 30))


def nearest(result: Value, decimals: int, base: Q, rise: int, root: int) -> bool:
    """Whether result - h <= base**(rise/root) < result + h, with h half a unit of the last decimal."""
    assert isinstance(result, Q)
    half = Q(1, 2 * 10**decimals)
    true = base**rise
    return (result < half or (result - half) ** root <= true) and true < (result + half) ** root


@given(positive, st.integers(0, 12))
def test_square_roots(x: Q, decimals: int) -> None:
    assert nearest(square_root(x, decimals), decimals, x, 1, 2)


@given(positive.filter(bool), small, st.integers(0, 9))
def test_powers(x: Q, y: Q, decimals: int) -> None:
    result = fractional_power(x, y, decimals)
    assert result == TOO_LARGE or nearest(result, decimals, x, y.numerator, y.denominator)


@given(st.fractions(min_value="0.5", max_value=2, max_denominator=1000), st.integers(0, 9))
def test_long_exponents_agree_with_short_ones(x: Q, decimals: int) -> None:
    """An exponent that differs from one half by less than the last decimal shows gives the same or the next decimal."""
    near = fractional_power(x, Q(1, 2) + Q(1, 10**30), decimals)
    root = square_root(x, decimals)
    assert isinstance(near, Q)
    assert isinstance(root, Q)
    assert abs(near - root) <= Q(1, 10**decimals)


@pytest.mark.parametrize(
    ("base", "exponent", "decimals", "expected"),
    [
        (Q(1, 4), Q(1, 2), 0, Q(1)),  # one half is a tie
        (Q(4), Q(3, 2), 3, Q(8)),
        (Q(9, 4), Q(-1, 2), 4, Q("0.6667")),
        (Q(1), Q(123456789, 1000000007), 9, Q(1)),
        (Q(0), Q(1, 2), 2, Q(0)),
        (Q(2), Q(0), 2, Q(1)),
        (Q(2), Q(-5000), 9, Q(0)),
        (Q(100), Q(10**9), 2, TOO_LARGE),
        (Q(10**7 + 1, 10**7), Q(123456789, 10), 2, Q("3.44")),
        (Q(2), Q(10**400), 2, TOO_LARGE),
        (Q(0), Q(-1), 2, Absent(State.NOT_REPORTABLE, "zero denominator")),
    ],
)
def test_chosen_powers(base: Q, exponent: Q, decimals: int, expected: Value) -> None:
    assert fractional_power(base, exponent, decimals) == expected
