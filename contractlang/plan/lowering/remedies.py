"""What to write instead: fixes for failed typing rules, built from the words that are there and the names that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Edit, Fix
from contractlang.semantics.cells import with_unit, written
from contractlang.semantics.order import names_in
from contractlang.semantics.scope import ColumnRef
from contractlang.semantics.types import MEMBER_MONTH, PP, Kind, Type, Unit
from contractlang.semantics.typing import Problem, zero
from contractlang.source import Span
from contractlang.syntax import ast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contractlang.plan.lowering.context import Lowering

TIGHT = (ast.Name, ast.Number, ast.Call, ast.Round, ast.Aggregate, ast.Lookup, ast.Flag, ast.Date, ast.Text)
"""Expressions that need no parentheses before an operator."""


def fixes(low: Lowering, problem: Problem, parts: Sequence[ast.Expr]) -> tuple[Fix, ...]:
    """The fixes of a failed rule whose arguments are written as `parts`."""
    if start := _start(low, parts):
        return start
    if problem.adapt is not None and problem.adapt[0] < len(parts):
        return with_unit(parts[problem.adapt[0]], problem.adapt[1])
    if problem.multiply is not None and problem.multiply[0] < len(parts):
        return multiplied(low, parts[problem.multiply[0]], problem.multiply[1])
    if problem.divide is not None and problem.divide[0] < len(parts) and low.scope.period == "year":
        return (behind(parts[problem.divide[0]], f" / {problem.divide[1]}"),)
    if problem.portion is not None and problem.portion < len(parts):
        return _portion(low, parts, problem.portion)
    return _literal_of_the_others(low, problem, parts)


def _start(low: Lowering, parts: Sequence[ast.Expr]) -> tuple[Fix, ...]:
    """A value that starts from a literal of another unit than what it stands beside starts from nothing of that unit."""
    for part in parts:
        start = part.starting if isinstance(part, ast.Prior) else None
        others = [t for p in parts if p is not part and (t := low.probe(p)) is not None and not t.literal]
        if isinstance(start, ast.Number) and others and (nothing := zero(others[0])) is not None:
            return (edits.instead(start.span, nothing),)
    return ()


def multiplied(low: Lowering, part: ast.Body, unit: Unit) -> tuple[Fix, ...]:
    """The part times a visible quantity of this unit."""
    name = quantity(low, unit)
    return () if name is None or isinstance(part, ast.Cases) else (behind(part, f" * {name}"),)


def quantity(low: Lowering, unit: Unit) -> str | None:
    """A name of a value in this unit at settlement grain; member-months of a population first."""
    if unit == MEMBER_MONTH:
        for name, item in low.scope.items.items():
            if isinstance(item, ast.Block) and item.kind == "population" and name not in low.broken:
                return f"{name}.member_months"
    for name, refs in low.scope.columns.items():
        schema = low.declared.inputs.get(refs[0].table.name)
        column = schema.column(name) if schema is not None else None
        if column is not None and column.type.unit == unit and column.missing is None:
            return name if len(refs) == 1 else f"{refs[0].table.name}.{name}"
    return next((n for n, ref in low.values.items() if low.type(ref).unit == unit and not low.beyond(ref)), None)


def behind(part: ast.Expr, tail: str, title: str = "") -> Fix:
    """Write something behind an expression, in parentheses if it needs them."""
    span = part.span
    tight = isinstance(part, TIGHT) or (isinstance(part, ast.Binary) and part.op in ("*", "/", "of", "^"))
    head, tail = ("", tail) if tight else ("(", f"){tail}")
    shown = " ".join(f"{head}{span.text}{tail}".split())
    title = title or (f"write `{shown}`" if len(shown) <= 60 else f"write `{tail.strip()}` behind it")
    return edits.around(span, head, tail, title) if head else Fix(title, (edits.after(span, tail),))


def _portion(low: Lowering, parts: Sequence[ast.Expr], place: int) -> tuple[Fix, ...]:
    """`2%` beside money: two percent of the first amount on the other side."""
    for position, other in enumerate(parts):
        if position == place:
            continue
        for name, _ in names_in(other):
            type_ = type_of(low, name)
            if type_ is not None and type_.kind is Kind.MONEY:
                return (behind(parts[place], f" of {name.text}"),)
    return ()


def type_of(low: Lowering, name: ast.Name) -> Type | None:
    """The type of a name that can be read here, without a report."""
    if (ref := low.values.get(name.text)) is not None:
        return low.type(ref)
    for found in low.scope.candidates(name):
        if isinstance(found, ColumnRef) and (schema := low.declared.inputs.get(found.table.name)) is not None:
            column = schema.column(found.column.name)
            return None if column is None else column.type
    return None


def _literal_of_the_others(low: Lowering, problem: Problem, parts: Sequence[ast.Expr]) -> tuple[Fix, ...]:
    """A literal of a wrong kind among others of one kind: `no` beside percentages is `0%`."""
    if problem.code != "kind-mismatch" or len(parts) < 2:
        return ()
    types = {place: type_ for place, part in enumerate(parts) if (type_ := low.probe(part)) is not None}
    for place, part in enumerate(parts):
        others = [t for p, t in types.items() if p != place]
        if isinstance(part, ast.Flag | ast.Number) and others and len({t.kind for t in others}) == 1:
            found = replaced(part, others[0])
            if found:
                return found
    return ()


def replaced(literal: ast.Flag | ast.Number, type_: Type) -> tuple[Fix, ...]:
    """A literal as the same amount of another kind, where that is clear: nothing stays nothing, all stays all."""
    nothing = literal.value in (False, 0)
    if type_.kind is Kind.FLAG and isinstance(literal, ast.Number) and literal.value in (0, 1):
        return (edits.instead(literal.span, "no" if nothing else "yes"),)
    if isinstance(literal, ast.Flag) and type_.numeric:
        text = zero(type_) if nothing else {Kind.PERCENT: "100%", Kind.NUMBER: "1"}.get(type_.kind)
        return (edits.instead(literal.span, text),) if text is not None else ()
    return ()


def compared(part: ast.Expr, type_: Type, low: Lowering) -> tuple[Fix, ...]:
    """A value where a condition is needed: compare it with nothing, or with a value of its category."""
    if type_.numeric and (nothing := zero(type_)) is not None:
        return (behind(part, f" > {nothing}"),)
    if type_.kind is Kind.CATEGORY and type_.scheme in low.scope.categories:
        return (behind(part, f" is {low.scope.categories[type_.scheme].values[0]}"),)
    return ()


def in_unit(number: ast.Number, type_: Type) -> tuple[Fix, ...]:
    """A number with the unit of a type, whatever unit it has now."""
    if not type_.unit.powers or type_.unit == PP:
        return ()
    words = type_.shown[1] if type_.shown else type_.unit.words
    digits = number.span.text.lstrip("$").partition(" ")[0].rstrip("%")
    return (edits.instead(number.span, written(digits, words)),)


def in_front(span: Span, text: str, title: str) -> Fix:
    return Fix(title, (edits.before(span, text),))


def new_line(block: ast.Block, clause: str, further: tuple[Edit, ...] = ()) -> Fix:
    """A clause as the first of a block."""
    first = block.steps[0].span
    indent = " " * (first.column - 1)
    words = " ".join(clause.split())
    return Fix(f"write `{words}` first", (edits.before(first, f"{clause}\n{indent}"), *further))


def swapped(one: Span, other: Span, title: str) -> Fix:
    return Fix(title, (Edit(one, other.text), Edit(other, one.text)))
