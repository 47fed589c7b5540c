"""Functions, rounding and scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Edit, Fix, Label
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, remedies
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.scales import in_percent, joined
from contractlang.semantics import typing
from contractlang.semantics.scope import FUNCTIONS
from contractlang.semantics.types import NONE, POINT, USD, Kind, Type
from contractlang.semantics.typing import Problem, described, unit_words
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Rounding, State


def lower_call(low: Lowering, e: ast.Call) -> Ref | None:
    name = e.function.text
    item = low.scope.items.get(name)
    if isinstance(item, ast.Scale):
        low.used.add(name)
        return scaled(low, e, name)
    builtin = _BUILTINS.get(name)
    if builtin is None:
        scales = [n for n, i in low.scope.items.items() if isinstance(i, ast.Scale)]
        low.scope.unknown(e.function, [*scales, *FUNCTIONS], "function or scale")
        return None
    arity, function = builtin
    if arity is not None and len(e.arguments) != arity:
        low.error(
            "kind-mismatch",
            f"`{name}` takes {arity} argument{'s' if arity != 1 else ''}, here are {len(e.arguments)}",
            e.span,
            f"write `{SIGNATURES[name]}`",
        )
        return None
    if not e.arguments:
        low.error("kind-mismatch", f"`{name}` needs an argument", e.span, f"write `{name}(x, y)`")
        return None
    if e.decimals is not None and name not in ("sqrt", "power"):
        low.error(
            "kind-mismatch",
            f"`{name}` is exact and takes no decimals",
            e.span,
            "write `round(x to STEP, MODE)` to round",
        )
        return None
    return function(low, e)


SIGNATURES = {
    "clamp": "clamp(x, low, high)",
    "abs": "abs(x)",
    "sqrt": "sqrt(x, 9 decimals)",
    "power": "power(x, y, 12 decimals)",
    "year": "year(date)",
    "month": "month(date)",
    "day": "day(date)",
    "points": "points(50%)",
}


def _arguments(low: Lowering, e: ast.Call) -> list[Ref] | None:
    refs = [expressions.numeric(low, a, f"`{e.function.text}`") for a in e.arguments]
    return None if any(r is None for r in refs) else [r for r in refs if r is not None]


def _extreme(low: Lowering, e: ast.Call) -> Ref | None:
    refs = _arguments(low, e)
    if refs is None:
        return None
    return extreme(low, e.function.text, refs, e.arguments, e.span)


def extreme(low: Lowering, op: str, refs: list[Ref], parts: tuple[ast.Expr, ...], span: Span) -> Ref | None:
    """`min` or `max`; not-applicable arguments are ignored, so the result has that state only if all may."""
    type_ = expressions.common(low, refs, parts, f"`{op}` of", span)
    if type_ is None:
        return None
    absent = set(type_.absent)
    if not all(State.NOT_APPLICABLE in low.type(r).absent for r in refs):
        absent.discard(State.NOT_APPLICABLE)
    return low.emit(nodes.Extreme(op), tuple(refs), replace(type_, absent=frozenset(absent)), span)


def _clamp(low: Lowering, e: ast.Call) -> Ref | None:
    """`clamp(x, low, high)`: not below low, not above high; a bound that is not applicable does not bind."""
    refs = _arguments(low, e)
    if refs is None:
        return None
    x, floor, cap = refs
    if crossed(low, floor, cap):
        low.error(
            "cap-below-floor",
            "the upper bound of `clamp` lies below the lower one",
            e.arguments[2].span,
            "write the lower bound first: `clamp(x, low, high)`",
            labels=[Label(e.arguments[1].span, "the lower bound")],
            fixes=[remedies.swapped(e.arguments[1].span, e.arguments[2].span, "swap the two bounds")],
        )
        return None
    above = limited(low, "max", x, floor, (e.arguments[0], e.arguments[1]), e.span)
    return None if above is None else limited(low, "min", above, cap, (e.arguments[0], e.arguments[2]), e.span)


def crossed(low: Lowering, floor: Ref, cap: Ref) -> bool:
    """Whether a cap certainly lies below a floor: two amounts, or two shares of one positive quantity."""
    (least, below), (most, above) = _share_of(low, floor), _share_of(low, cap)
    return (least is not None and most is not None) and below == above and bool(most < least)


def _share_of(low: Lowering, ref: Ref) -> tuple[Fraction | None, Ref | None]:
    """A value as a constant times another value (None for a plain constant)."""
    node = low.builder.nodes[ref]
    match node.op:
        case nodes.Alias():
            return _share_of(low, node.args[0])
        case nodes.Const(value=Fraction() as value):
            return value, None
        case nodes.Arithmetic(op="*"):
            for one, other in (node.args, node.args[::-1]):
                factor, rest = _share_of(low, one)
                if factor is not None and rest is None:
                    return factor, other
            return None, None
        case _:
            return None, None


def limited(low: Lowering, op: str, x: Ref, limit: Ref, parts: tuple[ast.Expr, ...], span: Span) -> Ref | None:
    """`min` or `max` of a value with a limit: a limit that does not apply does not bind, an absent value stays absent."""
    bounded = extreme(low, op, [x, limit], parts, span)
    if bounded is None or State.NOT_APPLICABLE not in low.type(x).absent:
        return bounded
    type_ = low.type(bounded)
    applies = low.test("applicable", x, span)
    type_ = replace(type_, absent=type_.absent | {State.NOT_APPLICABLE})
    return low.emit(nodes.Choose(), (applies, bounded, x), type_, span)


def _abs(low: Lowering, e: ast.Call) -> Ref | None:
    refs = _arguments(low, e)
    return None if refs is None else low.emit(nodes.Absolute(), (refs[0],), low.type(refs[0]), e.span)


def _date_part(low: Lowering, e: ast.Call) -> Ref | None:
    ref = expressions.lower_expression(low, e.arguments[0])
    if ref is None:
        return None
    type_ = low.type(ref)
    if type_.kind is not Kind.DATE:
        low.error(
            "kind-mismatch",
            f"`{e.function.text}` needs a date, here is {described(type_)}",
            e.arguments[0].span,
            "name a column declared as `date`",
        )
        return None
    return low.emit(
        nodes.DatePart(e.function.text),
        (ref,),
        Type(Kind.NUMBER, NONE, type_.grain, step=Fraction(1), absent=type_.absent),
        e.span,
    )


def _points(low: Lowering, e: ast.Call) -> Ref | None:
    """A fraction as points of a hundred."""
    refs = _arguments(low, e)
    if refs is None:
        return None
    type_ = low.type(refs[0])
    if type_.unit.powers:
        low.error(
            "unit-mismatch",
            f"`points` turns a percentage into points, here is {described(type_)}",
            e.arguments[0].span,
            "leave `points` out, or give it a percentage",
            fixes=[edits.instead(e.span, edits.one_line(e.arguments[0].span))],
        )
        return None
    hundred = low.constant(Fraction(100), Type(Kind.COUNT, POINT), e.span)
    return expressions.operate(low, "*", refs[0], hundred, e.span)


def _root(low: Lowering, e: ast.Call) -> Ref | None:
    name = e.function.text
    refs = _arguments(low, e)
    if refs is None:
        return None
    if e.decimals is None:
        text = e.span.text
        low.error(
            "root-without-decimals",
            f"`{name}` must say with how many decimals it is rounded",
            e.span,
            f"write `, 9 decimals` as the last argument of `{name}`",
            fixes=[Fix("round to 9 decimals", (Edit(e.span, text[:-1] + ", 9 decimals)"),))],
        )
        return None
    for ref, part in zip(refs, e.arguments, strict=True):
        if low.type(ref).unit.powers:
            low.error(
                "unit-mismatch",
                f"`{name}` needs a number without unit, here is {described(low.type(ref))}",
                part.span,
                "divide by a quantity of the same unit first",
            )
            return None
    absent = typing.absences([low.type(r) for r in refs]) | {State.NOT_REPORTABLE}
    grain = typing.union([low.type(r) for r in refs])
    type_ = Type(Kind.NUMBER, NONE, grain, step=Fraction(1, 10**e.decimals), absent=absent)
    return low.emit(nodes.Root(name, e.decimals), tuple(refs), type_, e.span)


_BUILTINS: dict[str, tuple[int | None, Callable[[Lowering, ast.Call], Ref | None]]] = {
    "min": (None, _extreme),
    "max": (None, _extreme),
    "clamp": (3, _clamp),
    "abs": (1, _abs),
    "sqrt": (1, _root),
    "power": (2, _root),
    "year": (1, _date_part),
    "month": (1, _date_part),
    "day": (1, _date_part),
    "points": (1, _points),
}


# Rounding ------------------------------------------------------------------------------------------------------------

STEPS = {"cents": Fraction(1, 100), "dollars": Fraction(1)}
"""Steps by their word, in the unit of the amount: a budget in `USD pmpm` is rounded to cents pmpm."""


def lower_round(low: Lowering, e: ast.Round) -> Ref | None:
    ref = expressions.numeric(low, e.operand, "`round`")
    return None if ref is None else round_node(low, ref, e.step, e.mode, e.span)


def round_node(low: Lowering, ref: Ref, step: ast.Expr, mode: str, span: Span) -> Ref | None:
    """A value rounded to a unit word (`cents`, `dollars`) or to multiples of an expression of its own unit."""
    type_ = low.type(ref)
    try:
        rounding = Rounding(mode)
    except ValueError:
        modes = ", ".join(f"`{m}`" for m in Rounding)
        low.error("unknown-name", f"unknown rounding mode `{mode}`", span, f"write one of {modes}")
        return None
    if isinstance(step, ast.Name) and step.text in STEPS:
        size = STEPS[step.text]
        unit = type_.unit if type_.kind is Kind.MONEY else USD
        to = low.constant(size, Type(Kind.MONEY, unit, step=size), step.span)
    else:
        found = expressions.numeric(low, step, "`round`")
        if found is None:
            return None
        to = found
    to_type = low.type(to)
    if to_type.unit != type_.unit and not (to_type.literal and not type_.unit.powers):
        low.error(
            "unit-mismatch",
            f"rounding {described(type_)} to {described(to_type)}",
            step.span,
            f"write the step in `{unit_words(type_)}`" if type_.unit.powers else "write the step without a unit",
            fixes=remedies.in_unit(step, type_) if isinstance(step, ast.Number) else (),
        )
        return None
    op = low.builder.nodes[to].op
    multiple = op.value if isinstance(op, nodes.Const) and isinstance(op.value, Fraction) else to_type.step
    if isinstance(op, nodes.Const) and isinstance(op.value, Fraction) and op.value <= 0:
        low.error(
            "kind-mismatch", "a rounding step must be above zero", step.span, "write `cents`, `dollars` or `0.1%`"
        )
        return None
    grain = typing.union([type_, to_type])
    absent = type_.absent | to_type.absent
    return low.emit(nodes.Round(rounding), (ref, to), replace(type_, step=multiple, grain=grain, absent=absent), span)


# Scales --------------------------------------------------------------------------------------------------------------


def scaled(low: Lowering, e: ast.Call, name: str) -> Ref | None:
    scale = low.scales.get(name)
    if len(e.arguments) != 1:
        low.error(
            "kind-mismatch",
            f"scale `{name}` takes one argument, here are {len(e.arguments)}",
            e.span,
            f"write `{name}({edits.one_line(e.arguments[0].span)})`",
        )
        return None
    argument = e.arguments[0]
    ref = expressions.numeric(low, argument, f"scale `{name}`")
    if ref is None or scale is None:
        return None
    type_ = low.type(ref)
    curve = scale.curve
    if scale.borders.literal:
        factor = type_.shown[0] if type_.shown else Fraction(1)
        if factor != 1:
            key = (name, factor)
            curve = low.stretched[key] = low.stretched.get(key) or _stretched(curve, factor)
        if type_.kind is Kind.PERCENT and _above_two(curve):
            low.warn(
                "percent-or-points",
                f"scale `{name}` has bare numbers as borders, and its argument is a percentage",
                argument.span,
                "write the borders as percentages, or the argument as points: `points(x)`",
                fixes=[in_percent(scale)],
            )
    else:
        found = typing.unify((scale.borders, type_), f"scale `{name}` runs over")
        if isinstance(found, Problem):
            low.error(
                "unit-mismatch",
                f"scale `{name}` runs over {described(scale.borders)}, the argument is {described(type_)}",
                argument.span,
                found.help,
            )
            return None
    whole = type_.step is not None and type_.step.denominator == 1
    if scale.whole_numbers and not whole:
        low.error(
            "scale-gap",
            f"scale `{name}` skips between whole numbers, but `{argument.span.text}` need not be one",
            argument.span,
            "let each band start where the one before ends, or round the argument to whole numbers",
            labels=[Label(scale.item.span, "the scale")],
            fixes=[joined(scale)],
        )
        return None
    values = scale.values
    if curve.marginal:
        unit = type_.unit
        result = Type(type_.kind, unit, type_.grain, absent=type_.absent, shown=type_.shown)
    else:
        result = replace(values, grain=type_.grain, absent=type_.absent, literal=False)
        if any(p.slope for p in curve.pieces):
            result = replace(result, step=None)
    return low.emit(curve, (ref,), result, e.span)


def _above_two(curve: nodes.Curve) -> bool:
    borders = [x for p in curve.pieces for x in (p.low, p.high) if x is not None]
    return any(abs(x) >= 2 for x in borders)


def _stretched(curve: nodes.Curve, factor: Fraction) -> nodes.Curve:
    pieces = tuple(
        replace(
            p,
            low=None if p.low is None else p.low * factor,
            high=None if p.high is None else p.high * factor,
            slope=p.slope / factor,
        )
        for p in curve.pieces
    )
    return replace(curve, pieces=pieces)
