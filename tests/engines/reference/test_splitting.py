"""A fund is split to the cent: nothing is left over, nothing is invented, and nobody is a cent away from his quota."""

from __future__ import annotations

import random
from fractions import Fraction

from contractlang.engines.reference.splitting import BELOW_ZERO, NOT_WHOLE, split, whole_shares
from contractlang.values import Absent

CENT = Fraction(1, 100)


def shares(fund: str, weights: list[str], unit: Fraction = CENT) -> list[str]:
    found = split(Fraction(fund), [Fraction(w) for w in weights], unit)
    assert not isinstance(found, Absent)
    return [f"{float(share):.2f}" for share in found]


def test_equal_weights_leave_one_cent_for_the_first() -> None:
    assert shares("1000000", ["1", "1", "1"]) == ["333333.34", "333333.33", "333333.33"]


def test_the_largest_remainder_comes_first() -> None:
    # Quotas 666666.666…, 208333.333… and 125000: one cent is left, and the first remainder is the larger one.
    assert shares("1000000", ["48000", "15000", "9000"]) == ["666666.67", "208333.33", "125000.00"]
    assert shares("1", ["1", "2", "3"]) == ["0.17", "0.33", "0.50"]  # 16.67, 33.33, 50 cents


def test_weights_are_fractions() -> None:
    assert shares("0.10", ["1/3", "1/6", "1/2"]) == ["0.03", "0.02", "0.05"]


def test_whole_dollars() -> None:
    assert shares("10", ["1", "1", "1"], Fraction(1)) == ["4.00", "3.00", "3.00"]


def test_without_weight_nothing_is_given_out() -> None:
    assert shares("10", ["0", "0"]) == ["0.00", "0.00"]
    assert split(Fraction(10), [], CENT) == []


def test_a_row_without_weight_never_gets_the_cent_that_is_left() -> None:
    assert shares("0.01", ["0", "1", "1", "0"]) == ["0.00", "0.01", "0.00", "0.00"]


def test_what_cannot_be_split() -> None:
    assert split(Fraction("0.005"), [Fraction(1)], CENT) is NOT_WHOLE
    assert split(Fraction(-1), [Fraction(1)], CENT) is BELOW_ZERO
    assert split(Fraction(1), [Fraction(-1), Fraction(2)], CENT) is BELOW_ZERO


def test_ten_thousand_random_pools() -> None:
    draw = random.Random(2016)
    for _ in range(10_000):
        units = draw.randrange(1, 40)
        parts = draw.choice([draw.randrange(100), draw.randrange(10**6), draw.randrange(10**13)])
        top = draw.choice([1, 3, 1000, 10**9])
        weights = [draw.randrange(top + 1) if draw.random() < 0.9 else 0 for _ in range(units)]
        found = whole_shares(parts, weights)
        total = sum(weights)
        assert sum(found) == (parts if total else 0)
        for share, weight in zip(found, weights, strict=True):
            assert abs(share * total - parts * weight) < max(total, 1)
            assert weight or not share
        for one in range(units - 1):  # who weighs more gets no less; of equal ones the first gets no less
            if weights[one] >= weights[one + 1]:
                assert found[one] >= found[one + 1]
