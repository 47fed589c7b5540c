"""The tape: blocks, registers that are used again, and exactly rounded error-free inputs."""

from __future__ import annotations

import numpy as np

from contractlang.engines.vector import kernels
from contractlang.engines.vector.tape import BLOCK, Tape


def test_blocks_give_what_whole_arrays_give() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=3 * BLOCK + 17), rng.normal(size=3 * BLOCK + 17)
    tape = Tape()
    a, b = tape.source(x), tape.source(y)
    product = tape.emit(np.multiply, a, b)
    kept = tape.emit(np.add, tape.emit(np.subtract, product, a), tape.emit(np.sqrt, tape.emit(np.abs, product)))
    flagged = np.zeros(len(x), dtype=bool)
    result = tape.run(len(x), [kept, a], flagged)
    assert (result[kept] == (x * y - x) + np.sqrt(np.abs(x * y))).all()
    assert (result[a] == x).all()
    chosen = np.array([5, 0, 3 * BLOCK])
    assert (tape.run(3, [kept], flagged[:3], chosen)[kept] == result[kept][chosen]).all()


def test_the_same_operation_is_done_once_and_buffers_are_used_again() -> None:
    tape = Tape()
    x = tape.source(np.arange(4.0))
    assert tape.emit(np.add, x, x) == tape.emit(np.add, x, x)
    assert tape.constant(0.0) != tape.constant(-0.0)
    node = x
    for _ in range(50):
        node = tape.emit(np.add, node, x)
    assert tape.run(4, [node], np.zeros(4, dtype=bool))[node].tolist() == [0, 51, 102, 153]
    assert len(set(tape._homes({node}).values())) <= 2


def test_halves_go_away_from_zero() -> None:
    x = np.array([0.5, -0.5, 1.5, 2.5, -2.5, 0.49999999999999994, 2.0**52 + 1, -0.0])
    out = np.empty_like(x)
    kernels.half_away(x, out=out)
    assert out.tolist() == [1, -1, 2, 3, -3, 0, 2.0**52 + 1, 0]
    kernels.away(x, out=out)
    assert out.tolist() == [1, -1, 2, 3, -3, 1, 2.0**52 + 1, 0]


def test_selection_by_bits() -> None:
    condition = np.array([True, False, True])
    bits, out = np.empty(3, dtype=np.int64), np.empty(3)
    kernels.mask(condition, out=bits)
    kernels.blend(bits, np.array([1.5, np.inf, -0.0]), np.array([np.nan, 2.5, 3.0]), out=out)
    assert out.tolist() == [1.5, 2.5, 0.0]
    kernels.keep(bits, np.array([1.5, np.nan, np.inf]), out=out)
    assert out.tolist() == [1.5, 0.0, np.inf]


def test_a_bound_flags_what_is_near_and_what_is_not_a_number() -> None:
    gap = np.array([0.0, 1e-9, 1.0, np.nan])
    flagged = np.zeros(4, dtype=bool)
    kernels.near(1e-8, 0)(gap, out=flagged)
    assert flagged.tolist() == [True, True, False, True]
    flagged[:] = False
    kernels.near_rows(gap, np.array([0.0, 1e-8, 1e-8, 0.0]), out=flagged)
    assert flagged.tolist() == [False, True, False, False]
