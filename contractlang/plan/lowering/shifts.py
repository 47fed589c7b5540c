"""Values of other periods: `prior x [starting v]`, `x at 2019`, `x at baseline`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix, Sink
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.reduction import rebuilt_outputs
from contractlang.semantics import typing
from contractlang.semantics.cells import literal
from contractlang.semantics.scope import ItemRef
from contractlang.semantics.types import NONE, USD, Kind, Type
from contractlang.semantics.typing import Problem, described
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State

STARTS = (
    ("$0", Type(Kind.MONEY, USD, step=Fraction(1))),
    ("0%", Type(Kind.PERCENT, NONE, step=Fraction(1, 100))),
    ("0", Type(Kind.NUMBER, NONE, step=Fraction(1))),
    ("no", Type(Kind.FLAG)),
)
"""What a value that reaches itself may start from, tried in this order for a suggestion."""


def lower_shift(low: Lowering, e: ast.At | ast.Prior) -> Ref | None:
    """The value of a name in another period."""
    if isinstance(e, ast.Prior):
        return _prior(low, e)
    at = periods_named(low, e.period)
    found = _named(low, e.operand)
    if at is None or found is None:
        return None
    name, type_ = found
    if len(at) > 1 and not type_.numeric:
        low.error(
            "kind-mismatch",
            f"the mean of several years needs a number, here is {described(type_)}",
            e.operand.span,
            "read one year: `x at 2023`",
        )
        return None
    if len(at) > 1:
        type_ = replace(type_, step=None)
    return read_at(low, name, at, type_, e.span)


def read_at(low: Lowering, name: str, at: tuple[tuple[str, Fraction], ...], type_: Type, span: Span) -> Ref | None:
    """A named value in stated periods, with rows on the current roster where the population says so; None after a report."""
    read = replace(type_, absent=type_.absent | {State.MISSING})
    rebuilt = rebuilt_outputs(low)
    if _reads(low, name, {o.table for o in rebuilt if any(low.scope.inside(key) for key, _ in o.keys)}):
        low.error(
            "unsupported",
            f"`{name}` reads single months, which are not rebuilt on the current roster",
            span,
            "read a value of the whole year",
        )
        return None
    if _reads(low, name, {o.table for o in rebuilt}):
        return low.emit(nodes.Previous(name, 0, at, rebuilt=True), (), read, span)
    return low.emit(nodes.Previous(name, 0, at), (), replace(read, grain=read.grain - {low.scope.period}), span)


def _reads(low: Lowering, name: str, tables: set[str]) -> bool:
    """Whether a value comes from one of the tables of the reduce stage."""
    named = {n.name: n.node for n in low.names}
    seen: set[Ref] = set()
    waiting = [low.values.get(name, named.get(name))] if tables else []
    while waiting:
        ref = waiting.pop()
        if ref is None or ref in seen:
            continue
        seen.add(ref)
        node = low.builder.nodes[ref]
        match node.op:
            case nodes.Cell(table) if table in tables:
                return True
            case nodes.Previous(other):
                waiting.append(low.values.get(other, named.get(other)))
            case _:
                pass
        waiting.extend(node.args)
    return False


# One period earlier --------------------------------------------------------------------------------------------------


def _prior(low: Lowering, e: ast.Prior) -> Ref | None:
    starting: Ref | None = None
    if e.starting is not None:
        starting = expressions.lower_expression(low, e.starting)
        if starting is None:
            return None
    target = _across(low, e.operand)
    if target is not None:
        low.used.add(target)
        return _from_start(low, e, starting)
    found = _named(low, e.operand)
    if found is None:
        return None
    name, type_ = found
    if starting is not None:
        common = typing.unify((replace(type_, literal=False), low.type(starting)), "the value and its start are")
        if isinstance(common, Problem):
            assert e.starting is not None
            low.problem(common, e.starting.span, (e.operand, e.starting))
            return None
        type_ = common
    args = () if starting is None else (starting,)
    return low.emit(nodes.Previous(name, 1), args, replace(type_, absent=type_.absent | {State.MISSING}), e.span)


def _across(low: Lowering, operand: ast.Expr) -> str | None:
    """The item that is read, if it reaches the item that is being lowered in turn."""
    if isinstance(operand, ast.Name):
        for found in low.scope.candidates(operand):
            if isinstance(found, ItemRef) and (low.item, found.name) in low.across:
                return found.name
    return None


def _from_start(low: Lowering, e: ast.Prior, starting: Ref | None) -> Ref | None:
    """A value that reaches itself. Its type is assumed from its start until it is known (see `settle_types`)."""
    assert isinstance(e.operand, ast.Name)
    name = e.operand.text
    if starting is None and name not in low.trial:
        low.error(
            "prior-without-starting",
            f"`{name}` reaches itself through `prior` and does not say where it starts",
            e.span,
            f"say what it starts from: `prior {name} starting $0`",
            fixes=_starts(low, e),
        )
        return None
    type_ = low.trial[name] if starting is None else low.type(starting)
    type_ = low.assumed.get(name, replace(type_, grain=low.settled | type_.grain, literal=False))
    args = () if starting is None else (starting,)
    return low.emit(nodes.Previous(name, 1), args, replace(type_, absent=type_.absent | {State.MISSING}), e.span)


def _starts(low: Lowering, e: ast.Prior) -> list[Fix]:
    """The first simple start with which the definition checks."""
    item = low.scope.items.get(low.item)
    if low.trial or not isinstance(item, ast.Define | ast.Payment) or not isinstance(e.operand, ast.Name):
        return []
    found: list[Fix] = []
    sink, used = low.sink, set(low.used)
    for text, type_ in STARTS:
        low.trial = {e.operand.text: type_}
        low.sink = low.scope.sink = Sink()
        ref = expressions.lower_body(low, item.body)
        if ref is not None and not low.sink.failed and low.type(ref).unit == type_.unit:
            found.append(Fix(f"start from `{text}`", (edits.after(e.span, f" starting {text}"),)))
            break
    low.trial, low.sink, low.scope.sink, low.used = {}, sink, sink, used
    return found


def settle_types(low: Lowering) -> dict[str, Type]:
    """Types that were assumed for names read before they existed, and that turned out too narrow; what to assume next."""
    wider: dict[str, Type] = {}
    for node in low.builder.nodes:
        if not isinstance(node.op, nodes.Previous) or node.op.name not in low.values or not node.args:
            continue
        own, there = node.type, low.type(low.values[node.op.name])
        step = typing.common_step([own.step, there.step])
        if there.absent <= own.absent and step == own.step and there.grain <= own.grain:
            continue
        known = low.assumed.get(node.op.name)
        step = step if known is None else None
        absent, grain = own.absent | there.absent, own.grain | there.grain
        wider[node.op.name] = replace(own, absent=absent, step=step, grain=grain)
    return wider


# A stated period -----------------------------------------------------------------------------------------------------


def _named(low: Lowering, operand: ast.Expr) -> tuple[str, Type] | None:
    """The name whose value is read in another period; an expression gets a hidden name of its own."""
    ref = expressions.lower_expression(low, operand)
    if ref is None:
        return None
    node = low.builder.nodes[ref]
    if words := low.shorter(node.type.grain):
        low.error(
            "grain-mismatch",
            f"`{edits.one_line(operand.span)}` varies by {words[0]}, and another {low.scope.period} has other ones",
            operand.span,
            f"read one value of the {low.scope.period}: define `sum({edits.one_line(operand.span)} over {words[0]})`",
        )
        return None
    if node.name is not None:
        return node.name, node.type
    if ref not in low.hidden:
        name = f"({' '.join(operand.span.text.split())})"
        while any(n.name == name for n in low.names):
            name += "′"
        alias = low.builder.name(ref, name, operand.span)
        low.names.append(nodes.Named(name, alias, "hidden", name[1:-1], operand.span))
        low.hidden[ref] = name
    return low.hidden[ref], low.type(ref)


def periods_named(low: Lowering, period: ast.Expr) -> tuple[tuple[str, Fraction], ...] | None:
    """The period labels with their weights that a year or a baseline means; None after a report."""
    if low.scope.period != "year":
        low.error(
            "unsupported",
            f"`at` names a year, and this contract settles per {low.scope.period}",
            period.span,
            f"read the {low.scope.period} before with `prior`, or settle per year",
        )
        return None
    if isinstance(period, ast.Name):
        return _baseline(low, period)
    found = literal(low.scope, period, low.sink)
    if found is None:
        return None
    if not isinstance(found[0], Fraction) or found[0].denominator != 1 or not found[1].literal:
        low.error(
            "kind-mismatch",
            "`at` needs a year or a baseline",
            period.span,
            "write a year, such as `at 2019`, or the name of a baseline",
        )
        return None
    return ((str(found[0]), Fraction(1)),)


def base_years(low: Lowering) -> tuple[str, ...]:
    """The years that the contract reads with `at`, and those before them that such a value may read in turn."""
    found: set[int] = set()
    back = 0
    for item in low.scope.items.values():
        for part in _parts(item):
            match part:
                case ast.Prior():
                    back = max(back, 1)
                case ast.Step() if isinstance(pooled := part.get("pooling"), ast.Number):
                    back = max(back, int(pooled.value) - 1)
                case ast.Step() if (relative := part.get("relative")) is not None:
                    found |= _years(low, relative)
                case ast.Step() if (baseline := part.get("baseline")) is not None:
                    found |= _years(low, baseline)
                case ast.At(period=period):
                    found |= _years(low, period)
                case _:
                    pass
    return tuple(sorted({str(year - n) for year in found for n in range(back + 1)}))


def _years(low: Lowering, period: ast.Expr) -> set[int]:
    baseline = low.scope.items.get(period.text) if isinstance(period, ast.Name) else None
    written = [entry.low for entry in baseline.entries] if isinstance(baseline, ast.Baseline) else [period]
    return {int(year.value) for year in written if isinstance(year, ast.Number)}


def _parts(node: object) -> Iterator[object]:
    """A piece of syntax and all that it is made of."""
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, tuple):
            stack.extend(current)
        elif is_dataclass(current) and not isinstance(current, Span | type):
            yield current
            stack.extend(getattr(current, f.name) for f in fields(current) if f.name not in ("span", "notes"))


def _baseline(low: Lowering, period: ast.Name) -> tuple[tuple[str, Fraction], ...] | None:
    item = low.scope.items.get(period.text)
    if not isinstance(item, ast.Baseline):
        known = [n for n, i in low.scope.items.items() if isinstance(i, ast.Baseline)]
        low.scope.unknown(period, known, "baseline")
        return None
    low.used.add(period.text)
    if period.text in low.broken:
        return None
    entries: list[tuple[str, Fraction]] = []
    for entry in item.entries:
        assert isinstance(entry.low, ast.Number)
        assert isinstance(entry.value, ast.Number)
        entries.append((str(entry.low.value), entry.value.value))
    return tuple(entries)
