"""Writes `contracts/FEATURES.md`: `python -m tests.contracts.features`. Nothing in it is typed by hand but `rows.toml`."""

from __future__ import annotations

import re
from pathlib import Path

from tests.contracts.evidence import CONTRACTS, NUMBERS, Found, evidence, not_described, not_yet, rows

PAGE = CONTRACTS / "FEATURES.md"

HEAD = """# Features

What contracts need and what is commonly got wrong about it: {count} features of payment programmes. Each row below has a
rule of the grammar, a section of the reference, a clause in a small contract, an amount worked out by hand, and the
**other** amount that the usual mistake pays on the same numbers. Both contracts run in `make test`; their comments, or
their cases, hold the arithmetic.

This page is written by `python -m tests.contracts.features`. A row that lacks a part fails the tests.

| # | feature | rule | reference | clause | pays | misdone | pays then |
|---|---|---|---|---|---|---|---|
"""

TAIL = """
## Not yet

{count} features that the language cannot say, or can say in part only.

| # | what is missing |
|---|---|
"""


def page() -> str:
    """The page as it must be."""
    return around([line(evidence(row)) for row in sorted(rows(), key=lambda row: row.number)])


def around(lines: list[str]) -> str:
    """The page with these lines for the rows that have evidence."""
    text = [HEAD.format(count=len(NUMBERS)), *lines]
    if not_yet():
        text.append(TAIL.format(count=len(not_yet())))
    text += [f"| {number} | {missing} |\n" for number, missing in sorted(not_yet().items())]
    return "".join(text)


def line(found: Found) -> str:
    """The line of a row, with links to all its parts."""
    row = found.row
    section = f"[{_cell(row.heading)}](../grammar/reference/{row.page}#{_anchor(row.heading)})"
    section += " (not described yet)" if row.number in not_described() else ""
    clause = f"[`{_cell(row.clause)}`]({_link(found.clause_place)})"
    right = "<br>".join(f"[{a.name} {_dollars(a.right)}]({_link(a.right_place)})" for a in found.amounts)
    wrong = "<br>".join(f"[{_dollars(a.wrong)}]({_link(a.wrong_place)})" for a in found.amounts)
    cells = (str(row.number), row.feature, f"`{row.rule}`", section, clause, right, row.misdone, wrong)
    return f"| {' | '.join(cells)} |\n"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("|", "\\|"))


def _dollars(text: str) -> str:
    return text.replace("_", ",")


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _link(place: str) -> str:
    path, _, line = place.partition(":")
    return f"{path}#L{line}" if line else path


def write() -> Path:
    PAGE.write_text(page(), encoding="utf-8")
    return PAGE


if __name__ == "__main__":
    write()
