"""A trace as text for a terminal and as JSON (`grammar/reference/trace.md` describes the JSON form)."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from contractlang.diagnostics.render import clean
from contractlang.runtime.assumed import assumed_by
from contractlang.runtime.formatting import decimal, unit_words
from contractlang.runtime.heading import ILLUSTRATIVE, Heading
from contractlang.runtime.provenance import BETWEEN
from contractlang.runtime.result import Result, Status
from contractlang.runtime.trace import Trace
from contractlang.values import Absent, State, Value

FORMAT = "vbc-trace/1"
"""Name and version of the JSON form."""


def as_text(result: Result, heading: Heading, found: Trace, row: int, width: int = 110) -> str:
    """The tree, one value per line, its clause and arithmetic below it, places at the right."""
    plan = result.programme.plans[result.period(row)]
    title = f"{heading.contract} {heading.version}: {plan.unit} {result.group(row)}, {result.period(row)}"
    lines = [clean(title)]
    lines += [clean(line) for line in (heading.as_known, heading.warning, result.incomplete) if line]
    lines.extend(clean(f"{ILLUSTRATIVE}: {assumption}") for assumption in _assumed(result, found, row))
    if reason := result.reasons.get(row):
        lines.append(clean(f"{_standing(result, row)}: {reason}"))
    lines.append("")
    lines.extend(_tree(found, "", "", width))
    return "\n".join(lines) + "\n"


def as_json(result: Result, heading: Heading, found: Trace, row: int) -> dict[str, Any]:
    plan = result.programme.plans[result.period(row)]
    return {
        "format": FORMAT,
        **heading.as_json(),
        "unit": {"name": plan.unit, "label": result.group(row)},
        "period": {"name": plan.period, "label": result.period(row)},
        "status": _standing(result, row),
        "reason": result.reasons.get(row, ""),
        "illustrative": _assumed(result, found, row),
        "incomplete": result.incomplete,
        "trace": _node(found),
    }


def plain(value: Value) -> str | bool | None:
    """An exact value for JSON: decimals where they end, else a fraction `p/q`; None for an absence."""
    match value:
        case Absent():
            return None
        case bool():
            return value
        case dt.date():
            return value.isoformat()
        case str():
            return value
        case Fraction():
            return _exact(value)


def _exact(value: Fraction) -> str:
    rest, places = value.denominator, 0
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest //= prime
            count += 1
        places = max(places, count)
    return decimal(value, places) if rest == 1 else f"{value.numerator}/{value.denominator}"


def _standing(result: Result, row: int) -> str:
    return Status(int(result.status[row])).words


def _assumed(result: Result, found: Trace, row: int) -> list[str]:
    """The assumed parameters that the value rests on, with the words that mark them."""
    full = next((n for n in (found.name, f"{found.name}.amount") if n in result.names), found.name)
    point = result.point(full, row)
    return [] if point is None else [f"{a.name} ({a.words})" for a in assumed_by(result.provenance, point)]


_ONCE = frozenset({"input", "parameter", "members", "key"})
"""What the text shows where it is first read, and not again."""

# Text ----------------------------------------------------------------------------------------------------------------


def _tree(line: Trace, first: str, rest: str, width: int) -> Iterator[str]:
    """`first` is the guide of the line itself, `rest` that of everything below it."""
    shown = [] if line.again else [below for below in line.inputs if not (below.again and below.kind in _ONCE)]
    yield from _lines(line, first, rest + ("│  " if shown else "   "), width)
    for number, below in enumerate(shown):
        last = number == len(shown) - 1
        yield from _tree(below, f"{rest}{'└─' if last else '├─'} ", f"{rest}{'   ' if last else '│  '}", width)


def _lines(line: Trace, first: str, rest: str, width: int) -> Iterator[str]:
    head = _head(line)
    notes = list(line.notes)
    if line.again:
        notes.append("explained above")
    if notes and len(notes) <= 2:
        head += f"  ({'; '.join(notes)})"
    yield _placed(first + clean(head), _place(line), width)
    if len(notes) > 2:
        yield from (f"{rest}{clean(note)}" for note in notes)
    if line.again:
        return
    text = _defined(line)
    joined = (
        f"{text} = {line.formula}" if text and line.formula else text or (f"= {line.formula}" if line.formula else "")
    )
    if text and line.formula and len(rest) + len(joined) > width:
        yield from _wrapped(text, rest, width)
        joined = f"= {line.formula}"
    yield from _wrapped(joined, rest, width)


def _wrapped(text: str, rest: str, width: int) -> Iterator[str]:
    for part in textwrap.wrap(clean(text), max(width - len(rest), 40), subsequent_indent="  "):
        yield rest + part


def _head(line: Trace) -> str:
    if line.kind == "step":
        side = line.name.split(" ")[0]
        text = line.clause if line.clause.startswith(side) or " " not in line.name else f"{side} {line.clause}"
        return f"{text} → {line.shown}"
    period = f" in {line.period}" if line.period else ""
    return f"{line.name}{period} = {line.shown}"


def _defined(line: Trace) -> str:
    """The defining text without what the head already says."""
    if line.kind not in {"value", "computed"}:
        return ""
    if line.clause.startswith(("when ", "otherwise")):
        return line.clause
    head, found, text = line.clause.partition(" = ")
    if found and head.split(" to ")[0].split()[-1:] == [line.name]:
        return text
    return "" if line.clause == line.name or (line.kind == "value" and not found) else line.clause


def _place(line: Trace) -> str:
    return str(line.cell) if line.cell is not None else line.place


def _placed(text: str, place: str, width: int) -> str:
    place = clean(place)
    gap = width - len(text) - len(place)
    return f"{text}{' ' * max(gap, 2)}{place}"


# JSON ----------------------------------------------------------------------------------------------------------------


def _node(line: Trace) -> dict[str, Any]:
    value = line.value
    file, _, number = line.place.rpartition(":")
    found: dict[str, Any] = {
        "kind": line.kind,
        "name": line.name,
        "value": plain(value),
        "state": State.VALUE.words if not isinstance(value, Absent) else value.state.words,
        "reason": value.reason if isinstance(value, Absent) else "",
        "shown": line.shown,
        "unit": unit_words(line.type),
        "clause": line.clause,
        "place": {"file": file, "line": int(number)},
        "formula": line.formula,
        "notes": list(line.notes),
        "cell": None,
        "period": line.period,
        "again": line.again,
        "inputs": [_node(below) for below in line.inputs],
    }
    if line.cell is not None:
        cell = line.cell
        found["cell"] = {
            "table": cell.table,
            "column": cell.column,
            "file": cell.file,
            "row": cell.row,
            "header": cell.header.replace(BETWEEN, ", "),
        }
    return found
