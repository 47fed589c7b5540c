"""Pipelines: what the steps of `budget` and `sharing` have in common.

A step turns a running value into the next one; each becomes a named value and a line of the statement. `block.step` is
the value after the step, `block.step.rate` or `.limit` its argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix, Label
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import calls, expressions, remedies
from contractlang.plan.lowering.context import Lowering, dimensionless
from contractlang.semantics import typing
from contractlang.semantics.types import Kind, Type
from contractlang.semantics.typing import Problem, described
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State

ARGUMENT_WORDS = {
    "share": "rate",
    "reduce": "rate",
    "minimum": "rate",
    "discount": "rate",
    "withhold": "rate",
    "trend": "rate",
    "cap": "limit",
    "floor": "limit",
    "less": "amount",
    "net": "amount",
    "adjust": "rate",
    "add": "amount",
    "base": "amount",
    "correct": "rate",
    "risk": "ratio",
    "blend": "weight",
}
"""How the argument of a step is called: `risk.share.rate`, `risk.cap.limit`."""


def step_names(low: Lowering, block: ast.Block) -> dict[int, str]:
    """The name of each step by position: its label or its word; a word used twice on one side needs a label."""
    names: dict[int, str] = {}
    seen: dict[tuple[str, str], ast.Step] = {}
    for position, step in enumerate(block.steps):
        if step.word in ("require", "refuse", "compare"):
            names[position] = step.label or step.word
            continue
        name = step.label or step.word
        for side in (step.side,) if step.side else ("surplus", "deficit"):
            if (earlier := seen.get((side, name))) is not None:
                low.error(
                    "duplicate-clause",
                    f"`{block.name}` has two steps called `{name}`",
                    step.span,
                    f"give one of them a label: `{edits.one_line(step.span)} as second_{name}`",
                    labels=[Label(earlier.span, "the other one")],
                    fixes=[Fix("add a label", (edits.after(step.span, f" as second_{name}"),))],
                )
                break
            seen[(side, name)] = step
        names[position] = name
    return names


def rate(low: Lowering, step: ast.Step) -> Ref | None:
    """The argument of a step that must be a number without unit."""
    assert step.argument is not None
    ref = expressions.numeric(low, step.argument, f"`{step.word}`")
    if ref is not None and low.type(ref).unit.powers:
        instead, purpose = AMOUNT_WORDS.get(step.word, ("", ""))
        low.error(
            "unit-mismatch",
            f"`{step.word}` takes a rate, here is {described(low.type(ref))}",
            step.argument.span,
            f"write `{instead} {step.argument.span.text}` to {purpose}" if instead else "write a percentage",
            fixes=[_other_word(step, instead)] if instead and low.type(ref).kind is Kind.MONEY else [],
        )
        return None
    return ref


AMOUNT_WORDS = {
    "reduce": ("less", "subtract an amount"),
    "share": ("cap", "limit an amount"),
    "trend": ("add", "add an amount"),
    "adjust": ("add", "add an amount"),
    "discount": ("add -", "subtract an amount"),
}
"""The step that takes an amount where this one takes a rate."""


def _other_word(step: ast.Step, word: str) -> Fix:
    assert step.argument is not None
    start = edits.word_in(step.span, step.word).start
    glue = "" if word.endswith("-") else " "
    place = Span(step.span.file, start, step.argument.span.start)
    return edits.instead(place, f"{word}{glue}", f"write `{word}{glue}{step.argument.span.text}`")


def amount_like(low: Lowering, step: ast.Step, running: Ref, e: ast.Expr | None = None) -> Ref | None:
    """The argument of a step in the unit of the running value."""
    e = e or step.argument
    assert e is not None
    ref = expressions.numeric(low, e, f"`{step.word}`")
    if ref is None:
        return None
    found = typing.unify((replace(low.type(running), literal=False), low.type(ref)), f"`{step.word}` sets side by side")
    if isinstance(found, Problem):
        adapted = replace(found, adapt=(0, found.adapt[1])) if found.adapt else found
        low.problem(adapted, e.span, (e,))
        return None
    return ref


def complement(low: Lowering, ref: Ref, span: Span) -> Ref | None:
    """1 - x of a rate."""
    one = low.constant(Fraction(1), replace(dimensionless(Kind.PERCENT), step=Fraction(1)), span)
    return expressions.operate(low, "-", one, ref, span)


def product(low: Lowering, a: Ref, b: Ref, span: Span) -> Ref | None:
    return expressions.operate(low, "*", a, b, span)


def difference_not_below_zero(low: Lowering, a: Ref, b: Ref, span: Span) -> Ref | None:
    less = expressions.operate(low, "-", a, b, span)
    return None if less is None else not_below_zero(low, less, span)


def difference(low: Lowering, a: Ref, b: Ref, span: Span) -> Ref | None:
    return expressions.operate(low, "-", a, b, span)


def not_below_zero(low: Lowering, ref: Ref, span: Span) -> Ref:
    """The value, or zero where it is less; a value that is not applicable stays so."""
    type_ = low.type(ref)
    zero = low.constant(Fraction(0), Type(type_.kind, type_.unit, step=Fraction(0)), span)
    above = low.emit(nodes.Extreme("max"), (ref, zero), type_, span)
    if State.NOT_APPLICABLE not in type_.absent:
        return above
    applies = low.test("applicable", ref, span)
    return low.emit(nodes.Choose(), (applies, above, ref), type_, span)


def zero_like(low: Lowering, ref: Ref, span: Span) -> Ref:
    type_ = low.type(ref)
    return low.constant(Fraction(0), Type(type_.kind, type_.unit, step=Fraction(0)), span)


def choose(low: Lowering, condition: Ref, then: Ref, otherwise: Ref, span: Span) -> Ref:
    """`then` where the condition holds, else `otherwise` (values of one unit)."""
    a, b, c = low.type(then), low.type(otherwise), low.type(condition)
    grain = a.grain | b.grain | c.grain
    absent = a.absent | b.absent | c.absent
    solid = a if not a.literal else b
    type_ = replace(solid, grain=grain, absent=absent, step=typing.common_step([a.step, b.step]))
    return low.emit(nodes.Choose(), (condition, then, otherwise), type_, span)


@dataclass(slots=True)
class Bounds:
    """The caps and floors that one running value has met so far."""

    met: list[tuple[ast.Step, Ref]] = field(default_factory=list)

    def add(self, low: Lowering, step: ast.Step, bound: Ref) -> bool:
        """Whether no value is excluded by both this bound and an earlier one; reports a cap below a floor."""
        for earlier, other in self.met:
            if earlier.word == step.word or earlier.get("when") or step.get("when"):
                continue
            floor, cap = (bound, other) if step.word == "floor" else (other, bound)
            if calls.crossed(low, floor, cap):
                assert step.argument is not None
                assert earlier.argument is not None
                low.error(
                    "cap-below-floor",
                    "the cap lies below the floor: no value satisfies both",
                    step.argument.span,
                    "let the floor be the smaller of the two",
                    labels=[Label(earlier.argument.span, f"the {earlier.word}")],
                    fixes=[remedies.swapped(earlier.argument.span, step.argument.span, "swap the two")],
                )
                return False
        self.met.append((step, bound))
        return True


def limit(low: Lowering, step: ast.Step, running: Ref, named: Callable[[Ref], Ref], bounds: Bounds) -> Ref | None:
    """`cap` or `floor`: the running value after it."""
    bound = amount_like(low, step, running)
    if bound is None or not bounds.add(low, step, bound):
        return None
    assert step.argument is not None
    op = "min" if step.word == "cap" else "max"
    return calls.limited(low, op, running, named(bound), (step.argument, step.argument), step.span)


def conditioned(low: Lowering, step: ast.Step, before: Ref, after: Ref) -> Ref | None:
    """`… when COND`: the step acts only where the condition holds."""
    written = step.get("when")
    if written is None:
        return after
    condition = expressions.flag(low, written)
    return None if condition is None else choose(low, condition, after, before, step.span)


def rounded(low: Lowering, step: ast.Step, running: Ref) -> Ref | None:
    mode = step.get("mode")
    text = mode.value if isinstance(mode, ast.Text) else "half away from zero"
    assert step.argument is not None
    return calls.round_node(low, running, step.argument, text, step.span)
