"""Both engines split random pools alike, whatever the weights are made of, and pay out exactly what is there."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from contractlang.engines import reference, vector
from contractlang.engines.base import Inputs
from contractlang.plan.nodes import Aggregate, Compare, Plan, Round, Split
from contractlang.semantics.types import Kind
from contractlang.values import Absent, Rounding, State
from tests.engines.plans import SETTLED, Builder, Written, column, results, single

CENT = Fraction(1, 100)


def pool(weights: str) -> Plan:
    """7% of what all have, split by `weight`: `whole` numbers, or a `quotient` that floats do not hold."""
    b = Builder()
    weight, size = b.cell("weight"), b.cell("size")
    if weights == "quotient":
        weight = b.math("/", weight, b.math("*", size, b.const(7)))
    total = b.aggregate(Aggregate("sum", ("network",)), b.cell("allowed"))
    fund = b.add(Round(Rounding.HALF_AWAY), b.math("*", total, b.const("0.07")), b.const("0.01"))
    large = b.add(Compare(">="), size, b.const(3), kind=Kind.FLAG)
    share = b.add(Split(("network",), CENT, filtered=True), fund, weight, large, grain=SETTLED, kind=Kind.MONEY)
    b.name("fund", fund)
    b.name("share", share, "payment")
    return b.plan("share")


def drawn(draw: random.Random) -> tuple[Inputs, list[tuple[Written, int]]]:
    """Rows with amounts, weights and sizes; some weights are absent. Gives each row's weight and size as well."""
    top, absent = draw.choice([1, 2, 10, 10**7]), draw.random() < 0.3
    rows: list[tuple[Written, int]] = []
    for _ in range(draw.randrange(1, 25)):
        weight: Written = draw.randrange(top + 1)
        if absent and draw.random() < 0.3:
            weight = Absent(draw.choice([State.NOT_APPLICABLE, State.NOT_REPORTABLE]), "none")
        elif absent and draw.random() < 0.02:
            weight = None
        rows.append((weight, draw.randrange(1, 12)))
    columns = {
        "allowed": column([Fraction(draw.randrange(10**9), 100) for _ in rows], 2),
        "weight": column([weight for weight, _ in rows]),
        "size": column([size for _, size in rows]),
    }
    return results(columns), rows


@pytest.mark.parametrize("weights", ["whole", "quotient"])
def test_random_pools(weights: str) -> None:
    draw, programme = random.Random(7), single(pool(weights))
    for _ in range(150):
        data, rows = drawn(draw)
        slow, fast = reference.settle(programme, data), vector.settle(programme, data)
        paid, fund = slow.values("share"), slow.values("fund")[0]
        assert fast.values("share") == paid
        assert fast.values("fund")[0] == fund
        counted = [weight for weight, size in rows if size >= 3]
        given = sum((share for share in paid if isinstance(share, Fraction)), Fraction(0))
        weighs = any(isinstance(weight, int) and weight > 0 for weight in counted)
        assert given == (fund if weighs and None not in counted else 0)


def test_weights_and_funds_beyond_sixty_three_bits() -> None:
    b = Builder()
    share = b.add(Split(("network",), CENT), b.const(10**12), b.cell("weight"), grain=SETTLED, kind=Kind.MONEY)
    b.name("share", share, "payment")
    programme = single(b.plan("share"))
    data = results({"weight": column([10**15, 10**15 + 1, 10**15 - 1, 0])})
    slow, fast = reference.settle(programme, data), vector.settle(programme, data)
    assert fast.values("share") == slow.values("share")
    paid = [share for share in slow.values("share") if isinstance(share, Fraction)]
    assert sum(paid) == 10**12
