"""Parts of a plan in the words of the contract, and the same arithmetic with the values put in."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from contractlang.plan.nodes import (
    Absolute,
    Alias,
    Among,
    Arithmetic,
    Cell,
    Compare,
    Const,
    Extreme,
    Key,
    Logic,
    Negate,
    Node,
    Plan,
    Power,
    Round,
    Test,
)
from contractlang.plan.relations import Derive, Group
from contractlang.runtime.formatting import exactly
from contractlang.runtime.provenance import Point, Provenance
from contractlang.source import Span
from contractlang.values import Absent

SIGNS = {"*": "×", "/": "÷", "-": "−", "+": "+"}
_ADDING, _MULTIPLYING, _ATOM = 1, 2, 3


def clause(span: Span) -> str:
    """The text of a clause on one line."""
    return " ".join(span.text.split())


def names_of(plan: Plan, index: int) -> str | None:
    """The name that the contract gives to a node."""
    return plan.nodes[index].name


def is_cell(plan: Plan, node: Node) -> bool:
    """An input cell, or one that a factor turns into base units."""
    if isinstance(node.op, Cell):
        return True
    if node.op != Arithmetic("*"):
        return False
    cell, factor = (plan.nodes[arg] for arg in node.args)
    return isinstance(cell.op, Cell) and isinstance(factor.op, Const) and cell.origin == factor.origin


def body(point: Point) -> Point:
    """What a named value is defined as."""
    while isinstance(point.node.op, Alias):
        below = point.at(point.node.args[0])
        if below.node.name is not None:
            return below
        point = below
    return point


def shown(provenance: Provenance, point: Point) -> str:
    """The value, formatted for its type."""
    return exactly(provenance.value(point), point.type)


def arithmetic(provenance: Provenance, point: Point, longest: int = 90) -> str:
    """The definition of a value with values in place of names: `50% × 92.06%`.

    "" where there is nothing to compute, or where the line would be longer than can be read.
    """
    if point.node.name is None and not _computes(point.plan, point.node):
        return ""
    text, _ = _arithmetic(provenance, body(point), top=True)
    return text if len(text) <= longest else ""


def _computes(plan: Plan, node: Node) -> bool:
    return isinstance(node.op, Arithmetic | Negate | Extreme | Round | Power | Absolute) and not is_cell(plan, node)


def _arithmetic(provenance: Provenance, point: Point, *, top: bool) -> tuple[str, int]:
    """The text and how tightly it binds."""
    node = point.node
    if (node.name is not None and not top) or not _computes(point.plan, node):
        chosen = provenance.reads(point)[-1:] if node.name is None and type(node.op).__name__ == "Choose" else []
        if chosen and _computes(chosen[0].plan, chosen[0].node) and chosen[0].node.name is None:
            return _arithmetic(provenance, chosen[0], top=False)
        return _value(provenance, point)
    args = [point.at(arg) for arg in node.args]
    match node.op:
        case Arithmetic(op):
            binds = _ADDING if op in "+-" else _MULTIPLYING
            left = _bracketed(provenance, args[0], binds)
            right = _bracketed(provenance, args[1], binds + (op in "-/"))
            return f"{left} {SIGNS[op]} {right}", binds
        case Negate():
            return f"-{_bracketed(provenance, args[0], _ATOM)}", _MULTIPLYING
        case Extreme(op):
            return f"{op}({', '.join(_arithmetic(provenance, arg, top=False)[0] for arg in args)})", _ATOM
        case Round(mode):
            inner = _arithmetic(provenance, args[0], top=False)[0]
            return f"round({inner} to {shown(provenance, args[1])}, {mode})", _ATOM
        case Power(exponent):
            return f"{_bracketed(provenance, args[0], _ATOM)}^{exponent}", _ATOM
        case _:
            return f"abs({_arithmetic(provenance, args[0], top=False)[0]})", _ATOM


def _bracketed(provenance: Provenance, point: Point, binds: int) -> str:
    text, own = _arithmetic(provenance, point, top=False)
    return f"({text})" if own < binds else text


def _value(provenance: Provenance, point: Point) -> tuple[str, int]:
    value = provenance.value(point)
    text = exactly(value, point.type)
    negative = isinstance(value, Fraction) and value < 0
    return text, _MULTIPLYING if negative else _ATOM


def both_sides(provenance: Provenance, point: Point) -> str:
    """The amounts that a condition compares: `earned is $1,200.00, 20% of benchmark is $1,000.00`."""
    point = body(point) if point.node.name is None else point
    match point.node.op:
        case Compare() | Among() | Test():
            parts = [_told(provenance, point.at(arg)) for arg in point.node.args]
            return ", ".join(part for part in parts if part)
        case Logic():
            parts = [both_sides(provenance, arg) for arg in provenance.reads(point)]
            return "; ".join(dict.fromkeys(part for part in parts if part))
        case _:
            return _told(provenance, point)


def _told(provenance: Provenance, point: Point) -> str:
    """`words is value`; "" for a literal, whose words are its value."""
    if isinstance(body(point).node.op, Const) and point.node.name is None:
        return ""
    value = provenance.value(point)
    text = exactly(value, point.type)
    return f"`{words(point)}` is {text}" if not isinstance(value, Absent) else f"`{words(point)}` is {value}"


def words(point: Point) -> str:
    """The name of a value, or the words of the contract that ask for it."""
    node = point.node
    if node.name is not None:
        return node.name
    match node.op:
        case Key(key):
            return key
        case Cell(table, column):
            text = clause(node.origin)
            return text if text.endswith(column) else _added_up(point.plan, table, column) or column
        case _ if is_cell(point.plan, node):
            return words(point.at(node.args[0]))
        case _:
            return clause(node.origin)


def _added_up(plan: Plan, table: str, column: str) -> str:
    """`sum of risk_score * member_months`: what an aggregate over member rows adds up; "" for other totals."""
    steps = {step.name: step.relation for step in plan.reduction.steps}
    output = next((o for o in plan.reduction.outputs if o.table == table), None)
    group = steps.get(output.step) if output is not None else None
    if not isinstance(group, Group):
        return ""
    rows = steps[group.input]
    measure = next((m for m in group.measures if m.name == column and m.operand is not None), None)
    found = dict(rows.columns).get(f"row_{column}") if isinstance(rows, Derive) else None
    if measure is None or found is None:
        return ""
    parts = found.args if found.op == "*" else (found,)
    origins = [part.origin for part in parts]
    text = " * ".join(clause(origin) for origin in origins if origin is not None)
    return f"{measure.function} of {text}" if all(origins) else ""


def summands(point: Point) -> Iterator[tuple[int, Point]]:
    """What a value adds up, each with its sign; rounding around the sum is looked through."""
    inner = body(point) if point.node.name is not None else point
    while isinstance(inner.node.op, Round) and inner.node.name is None:
        inner = inner.at(inner.node.args[0])
    yield from _summands(inner, 1)


def _summands(point: Point, sign: int) -> Iterator[tuple[int, Point]]:
    node = point.node
    if node.name is None and node.op in {Arithmetic("+"), Arithmetic("-")}:
        left, right = (point.at(arg) for arg in node.args)
        yield from _summands(left, sign)
        yield from _summands(right, sign if node.op == Arithmetic("+") else -sign)
    elif node.name is None and isinstance(node.op, Negate):
        yield from _summands(point.at(node.args[0]), -sign)
    else:
        yield sign, point
