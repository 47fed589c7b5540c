"""A statement as text for a terminal or a letter, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from contractlang.diagnostics.render import clean
from contractlang.runtime.formatting import decimal
from contractlang.runtime.statement import Line, Section, Statement
from contractlang.runtime.statement_tables import Grid

FORMAT = "vbc-statement/1"
"""Name and version of the JSON form."""

_TEXT, _NUMBER, _WIDTH = 58, 18, 114


def as_text(found: Statement) -> str:
    """Plain text, at most 120 columns where names allow it."""
    rule = "─" * 118
    lines = [
        clean(found.title or found.contract),
        clean(f"{found.contract} {found.version}" + (f" · {found.payer}" if found.payer else "")),
        clean(f"Statement for {found.unit} {found.group}, {found.period}" + _paid_in(found)),
        *(clean(warning) for warning in found.warnings),
        rule,
    ]
    if found.reason:
        lines += [clean(f"{found.status}: {found.reason}"), rule]
    for section in found.sections:
        lines += [*_section(section), ""]
    return "\n".join(lines)


def _paid_in(found: Statement) -> str:
    return f", paid from {found.paid_in[0]} to {found.paid_in[1]}" if found.paid_in is not None else ""


def as_json(found: Statement) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "contract": found.contract,
        "version": found.version,
        "title": found.title,
        "payer": found.payer,
        "unit": {"name": found.unit, "label": found.group},
        "period": found.period,
        "status": found.status,
        "reason": found.reason,
        **({"paid_in": list(found.paid_in)} if found.paid_in is not None else {}),
        "warnings": list(found.warnings),
        "sections": [
            {
                "title": section.title,
                "kind": section.kind,
                "place": section.place,
                "adds": section.adds,
                "lines": [_line_json(line) for line in section.lines],
                "total": None if section.total is None else _line_json(section.total),
                "tables": [
                    {"heads": list(grid.heads), "rows": [list(row) for row in grid.rows], "notes": list(grid.notes)}
                    for grid in section.grids
                ],
            }
            for section in found.sections
        ],
    }


def _section(section: Section) -> Iterator[str]:
    if section.kind in {"values", "data"}:
        yield "Terms and values" if section.kind == "values" else "Data"
        yield from (_row(f"  {line.text}", "", line) for line in section.lines)
        for grid in section.grids:
            yield from _grid(grid)
        return
    yield section.title
    for line in section.lines:
        yield from _wrapped(line)
    if section.total is not None:
        head = "  paid" if section.kind == "payment" else "  total"
        yield _row(f"{head} {section.total.text}" + _noted(section.total), "", section.total)
    for grid in section.grids:
        yield from _grid(grid)


def _grid(grid: Grid) -> Iterator[str]:
    """The columns that fit into the width, one below the other where there are more."""
    whole = [grid.heads, *grid.rows]
    widths = [max(len(row[i]) for row in whole) for i in range(len(grid.heads))]
    shown = [0]
    while shown[-1] < len(widths) - 1:
        first, used, shown = shown[-1] + 1, widths[0], [0]
        for i in range(first, len(widths)):
            if len(shown) > 1 and used + widths[i] + 2 > _WIDTH:
                break
            shown, used = [*shown, i], used + widths[i] + 2
        for row in whole:
            cells = (f"{row[i]:<{widths[i]}}" if i == 0 else f"{row[i]:>{widths[i]}}" for i in shown)
            yield clean("    " + "  ".join(cells).rstrip())
    for note in grid.notes:
        yield from map(clean, textwrap.wrap(note, _WIDTH, initial_indent="    ", subsequent_indent="       "))


def _wrapped(line: Line) -> Iterator[str]:
    """The notes stand behind the clause where they fit, else on a line of their own above the amounts."""
    text = f"  {line.text}"
    change = "" if line.change is None else _signed(line)
    if len(text) + len(_noted(line)) <= _TEXT:
        yield _row(text + _noted(line), change, line)
        return
    full = line.text + _noted(line)
    *above, last = textwrap.wrap(full, _TEXT, initial_indent="  ", subsequent_indent="     ") or [""]
    yield from (clean(part) for part in above)
    yield _row(last, change, line)


def _noted(line: Line) -> str:
    return f" ({'; '.join(line.notes)})" if line.notes else ""


def _signed(line: Line) -> str:
    if line.change is None or line.change == 0:
        return ""
    places = 4 if line.shown.endswith("pmpm") or " per " in line.shown else 2
    return f"{'+' if line.change > 0 else '-'}{_grouped(abs(line.change), places)}"


def _grouped(value: Fraction, places: int) -> str:
    whole, _, rest = decimal(value, places).partition(".")
    return f"{int(whole):,}.{rest}"


def _row(text: str, change: str, line: Line) -> str:
    file, comma, rest = line.place.partition(",")
    place = file.rpartition("/")[2] + comma + rest  # the folder is the same on every line
    return clean(f"{text:<{_TEXT}}{change:>{_NUMBER}}{line.shown:>{_NUMBER + 2}}  {place}").rstrip()


def _line_json(line: Line) -> dict[str, Any]:
    return {
        "text": line.text,
        "place": line.place,
        "shown": line.shown,
        "amount": None
        if line.amount is None
        else str(decimal(line.amount, 4 if line.amount % Fraction(1, 100) else 2)),
        "change": None
        if line.change is None
        else str(decimal(line.change, 4 if line.change % Fraction(1, 100) else 2)),
        "notes": list(line.notes),
    }
