"""Arithmetic on period labels."""

from __future__ import annotations

import pytest

from contractlang.engines.periods import containing, earlier, inside


@pytest.mark.parametrize(
    ("label", "count", "expected"),
    [("2021", 1, "2020"), ("2021-H1", 1, "2020-H2"), ("2021-Q3", 4, "2020-Q3"), ("2021-01", 14, "2019-11")],
)
def test_earlier(label: str, count: int, expected: str) -> None:
    assert earlier(label, count) == expected


def test_containing_and_inside() -> None:
    assert [containing("2021-11", word) for word in ("year", "half", "quarter", "month")] == [
        "2021",
        "2021-H2",
        "2021-Q4",
        "2021-11",
    ]
    assert inside("2021-H2", "quarter") == ["2021-Q3", "2021-Q4"]
    assert inside("2021-Q1", "month") == ["2021-01", "2021-02", "2021-03"]
    assert len(inside("2021", "month")) == 12
