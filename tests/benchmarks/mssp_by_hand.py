"""The settlement of one year (2023) of the Shared Savings Program as an analyst would write it in NumPy: float64, blocks.

It keeps the same named values as the contract. Nothing here is certified: a row that lies on half a dollar may differ.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from contractlang.engines.base import Inputs

Array = npt.NDArray[Any]

BLOCK = 16_384
NAN = np.nan

# T1, T1_PLUS, T2, T3, BASIC_A to BASIC_E, ENHANCED
LOSSES = np.array([0, 1, 1, 1, 0, 0, 1, 1, 1, 1], dtype=bool)
MAX_RATE = np.array([0.5, 0.5, 0.6, 0.75, 0.4, 0.4, 0.5, 0.5, 0.5, 0.75])
SAVINGS_CAP = np.array([0.1, 0.1, 0.15, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2])
LOSS_RATE = np.array([NAN, 0.3, NAN, NAN, NAN, NAN, 0.3, 0.3, 0.3, NAN])
CEILING = np.array([NAN, NAN, 0.6, 0.75, NAN, NAN, NAN, NAN, NAN, 0.75])
OF_BENCHMARK = np.array([NAN, 0.04, NAN, 0.15, NAN, NAN, 0.01, 0.02, 0.04, 0.15])
OF_REVENUE = np.array([NAN, 0.08, NAN, NAN, NAN, NAN, 0.02, 0.04, 0.08, NAN])
TRACK_2 = np.array([0.05, 0.075, 0.1])

STARTS = np.array([500, 1000, 3000, 5000, 6000, 7000, 8000, 9000, 10000, 15000, 20000, 50000, 60000])
ENDS = np.array([999, 2999, 4999, 5999, 6999, 7999, 8999, 9999, 14999, 19999, 49999, 59999, 60000])
HIGH = np.array([12.2, 8.7, 5.0, 3.9, 3.6, 3.4, 3.2, 3.1, 3.0, 2.7, 2.5, 2.2, 2.0]) / 100
LOW = np.array([8.7, 5.0, 3.9, 3.6, 3.4, 3.2, 3.1, 3.0, 2.7, 2.5, 2.2, 2.0, 2.0]) / 100
SLOPE = (LOW - HIGH) / np.maximum(ENDS - STARTS, 1)
BASE = HIGH - SLOPE * STARTS


def by_hand(inputs: Inputs) -> dict[str, Array]:
    """All named values of the year on every row of the table `results`; amounts in dollars."""
    table = inputs.tables["results"]
    count = len(table)
    columns = {name: (c.values, c.scale, c.states) for name, c in table.columns.items()}
    out: dict[str, Array] = {}
    with np.errstate(invalid="ignore"):
        for start in range(0, count, BLOCK):
            part = slice(start, min(start + BLOCK, count))
            cells = {n: _read(v[part], s, st if st is None else st[part]) for n, (v, s, st) in columns.items()}
            for name, values in _block(cells).items():
                if name not in out:
                    out[name] = np.empty(count, dtype=values.dtype)
                out[name][part] = values
    return out


def _read(values: Array, scale: int, states: Array | None) -> Array:
    read: Array = values / 10.0**scale if scale else values
    return read if states is None else np.where(states == 0, read, NAN)


def _block(c: dict[str, Array]) -> dict[str, Array]:
    b, x, n, q, track = c["benchmark"], c["expenditure"], c["beneficiaries"], c["quality"], c["track"]
    bracket = np.searchsorted(STARTS, n, side="right") - 1
    table = BASE[bracket] + SLOPE[bracket] * n
    printed = np.round(table / c["elected_msr_step"]) * c["elected_msr_step"]
    elected = c["elected_msr"]
    msr = np.where((n >= 500) & (np.abs(printed - elected) < 1e-9), table, elected)
    savings = b - x
    passed = c["met_standard"].astype(bool)
    top = MAX_RATE[track]
    rate = np.where(passed, top, np.where(c["met_alternative"].astype(bool), top * q, 0.0))
    scaled = np.minimum(np.maximum(1 - top * q, 0.4), CEILING[track])
    fixed = LOSS_RATE[track]
    loss_rate = np.where(~np.isnan(fixed), fixed, np.where(passed, scaled, CEILING[track]))
    start_year = c["agreement_start"].astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    agreement = 2023 - start_year + 1
    limit = np.fmin(OF_REVENUE[track] * c["revenue"], OF_BENCHMARK[track] * b)
    limit = np.where(track == 2, TRACK_2[np.clip(agreement, 1, 3) - 1] * b, limit)
    relief = np.abs(c["disaster"])
    surplus, deficit = np.maximum(savings, 0.0), np.maximum(-savings, 0.0)
    least = msr * b
    surplus_minimum = np.where(surplus >= least, surplus, 0.0)
    deficit_minimum = np.where(deficit >= least, deficit, 0.0)
    refused = c["guardrail"].astype(bool)
    surplus_refuse = np.where(refused, 0.0, surplus_minimum)
    losses = LOSSES[track]
    deficit_refuse = np.where(losses, deficit_minimum, 0.0)
    surplus_share = surplus_refuse * rate
    surplus_reduce = surplus_share * 0.98
    cap = SAVINGS_CAP[track] * b
    surplus_cap = np.minimum(surplus_reduce, cap)
    deficit_share = np.where(losses, deficit_refuse * loss_rate, 0.0)
    deficit_cap = np.where(losses, np.fmin(deficit_share, limit), 0.0)
    deficit_reduce = deficit_cap * 1.0
    deficit_less = np.where(losses, np.maximum(deficit_reduce - relief, 0.0), 0.0)
    surplus_round, deficit_round = np.floor(surplus_cap + 0.5), np.floor(deficit_less + 0.5)
    earned = surplus_round - deficit_round
    recouped = np.minimum(np.maximum(earned, 0.0), c["advance"])
    return {
        "msr": msr,
        "savings": savings,
        "passed": passed,
        "sharing_rate": rate,
        "loss_rate": loss_rate,
        "agreement_year": agreement,
        "loss_limit": limit,
        "relief": relief,
        "surplus": surplus,
        "deficit": deficit,
        "surplus.minimum": surplus_minimum,
        "deficit.minimum": deficit_minimum,
        "surplus.refuse": surplus_refuse,
        "deficit.refuse": deficit_refuse,
        "surplus.share": surplus_share,
        "surplus.reduce": surplus_reduce,
        "surplus.cap.limit": cap,
        "surplus.cap": surplus_cap,
        "deficit.share": deficit_share,
        "deficit.cap": deficit_cap,
        "deficit.reduce": deficit_reduce,
        "deficit.less": deficit_less,
        "surplus.round": surplus_round,
        "deficit.round": deficit_round,
        "earned": earned,
        "recouped": recouped,
        "settlement": earned - recouped,
    }
