"""Charts as SVG, drawn on the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import vl_convert

_ACCENT, _BAD, _FAINT = "#1f4e5f", "#a2352a", "#65727a"
_FONT = "DejaVu Sans, Arial, sans-serif"
MOST = 40
"""Bars of one chart; the largest are shown when there are more."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One amount in dollars under a label."""

    label: str
    amount: float


def payments(bars: Sequence[Bar], title: str) -> str:
    """Bars to the right for what is paid to a group, to the left for what it owes, in the order given."""
    shown = sorted(bars, key=lambda b: -abs(b.amount))[:MOST]
    kept = [bar for bar in bars if bar in shown]
    values = [{"label": b.label, "amount": b.amount} for b in kept]
    chart = (
        alt.Chart.from_dict({"data": {"values": values}, "mark": "bar"})
        .mark_bar(cornerRadiusEnd=2, height={"band": 0.72})
        .encode(
            x=alt.X("amount:Q", title=None, axis=alt.Axis(format="$~s", tickCount=6, domain=False, ticks=False)),
            y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(domain=False, ticks=False, labelLimit=220)),
            color=alt.condition("datum.amount < 0", alt.value(_BAD), alt.value(_ACCENT)),
        )
        .properties(width=680, height=alt.Step(22), title=title)
        .configure_view(stroke=None)
        .configure_axis(labelFont=_FONT, gridColor="#e6ebed", labelColor=_FAINT)
        .configure_title(font=_FONT, fontSize=13, anchor="start", color="#1d2529")
    )
    return str(vl_convert.vegalite_to_svg(chart.to_dict()))
