"""Labels of base periods whose rows are attributed with the roster of a later period: `2019 (roster of 2023)`."""

from __future__ import annotations

_BETWEEN = " (roster of "


def rebuilt_label(period: str, later: str) -> str:
    """The label of a period on the roster of a later one; the period itself where both are the same."""
    return period if period == later else f"{period}{_BETWEEN}{later})"


def own_period(label: str) -> str:
    """The period in which the rows lie."""
    return label.partition(_BETWEEN)[0]


def roster_period(label: str) -> str:
    """The period whose roster says whose the rows are."""
    period, _, later = label.partition(_BETWEEN)
    return later.removesuffix(")") or period
