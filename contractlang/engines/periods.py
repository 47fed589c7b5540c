"""Arithmetic on period labels: `2021`, `2021-H1`, `2021-Q3`, `2021-03`."""

from __future__ import annotations

from collections.abc import Sequence

from contractlang.plan.rebuilding import own_period

LENGTHS = {"year": 12, "half": 6, "quarter": 3, "month": 1}
"""Months of a period, by its word."""

WORDS = frozenset(LENGTHS)
_MARKS = {"H": "half", "Q": "quarter"}


def parts(label: str) -> tuple[str, int, int]:
    """Word, start year and ordinal (from 1) of a label. Raises ValueError for anything else."""
    year, _, rest = own_period(label).partition("-")
    if not rest:
        return "year", int(year), 1
    if rest[0] in _MARKS:
        return _MARKS[rest[0]], int(year), int(rest[1:])
    return "month", int(year), int(rest)


def written(word: str, year: int, ordinal: int) -> str:
    """The label of a period; the opposite of `parts`."""
    match word:
        case "year":
            return f"{year:04}"
        case "half":
            return f"{year:04}-H{ordinal}"
        case "quarter":
            return f"{year:04}-Q{ordinal}"
        case _:
            return f"{year:04}-{ordinal:02}"


def earlier(label: str, count: int) -> str:
    """The label `count` periods of the same length before."""
    word, year, ordinal = parts(label)
    per_year = 12 // LENGTHS[word]
    index = year * per_year + ordinal - 1 - count
    return written(word, index // per_year, index % per_year + 1)


def containing(label: str, word: str, year_starts: int = 1) -> str:
    """The label of the period of the (longer or equal) kind `word` in which the period starts.

    `year_starts` is the month in which years start; they are named by the calendar year in which they do.
    """
    own, year, ordinal = parts(label)
    month = (ordinal - 1) * LENGTHS[own]
    if own == "month" and word != "month":
        year, month = divmod(year * 12 + month - (year_starts - 1), 12)
    return written(word, year, month // LENGTHS[word] + 1)


def inside(label: str, word: str, year_starts: int = 1) -> Sequence[str]:
    """The labels of the (shorter or equal) kind `word` that make up the period, in order; see `containing`."""
    own, year, ordinal = parts(label)
    count = LENGTHS[own] // LENGTHS[word]
    if word != "month" or own == "month":
        first = (ordinal - 1) * LENGTHS[own] // LENGTHS[word]
        return [written(word, year, first + i + 1) for i in range(count)]
    start = year * 12 + (ordinal - 1) * LENGTHS[own] + year_starts - 1
    return [written(word, (start + i) // 12, (start + i) % 12 + 1) for i in range(count)]


def place(label: str) -> tuple[int, int]:
    """The order of labels: start year, then months from its start."""
    word, year, ordinal = parts(label)
    return year, (ordinal - 1) * LENGTHS[word]
