"""`sharing`: surplus and deficit as two sizes that never fall below zero, each with its pipeline; amount = surplus - deficit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix, Label
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, ledger, pipeline, remedies
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.semantics import typing
from contractlang.semantics.order import names_in
from contractlang.semantics.types import USD, Kind
from contractlang.semantics.typing import Problem, described
from contractlang.syntax import ast

SIDES = ("surplus", "deficit")


@dataclass(slots=True)
class _Side:
    """The running size of one side and the conditions under which it has been refused so far."""

    name: str
    running: Ref
    refused: Ref | None = None
    bounds: pipeline.Bounds = field(default_factory=pipeline.Bounds)


def lower_sharing(low: Lowering, name: str, block: ast.Block) -> bool:
    """Register all values of a sharing block; False after a report."""
    compare = next((s for s in block.steps if s.word == "compare"), None)
    if compare is None:
        low.error(
            "missing-clause",
            f"sharing `{name}` does not say what it compares",
            block.span,
            "start with `compare BUDGET to ACTUAL`",
            fixes=_compared(low, block),
        )
        return False
    if block.steps[0] is not compare:
        low.error(
            "missing-clause",
            f"sharing `{name}` must start with `compare`",
            block.steps[0].span,
            "what is shared comes first, then the steps in their order",
            labels=[Label(compare.span, "`compare` stands here")],
            fixes=[remedies.new_line(block, compare.span.text, edits.without(compare.span, "").edits)],
        )
        return False
    difference = _difference(low, compare)
    if difference is None:
        return False
    difference = low.register(f"{name}.compare", difference, "step", "difference", compare.span, name, "compare")
    negative = low.emit(nodes.Negate(), (difference,), low.type(difference), compare.span)
    sides = [
        _Side(side, pipeline.not_below_zero(low, start, compare.span))
        for side, start in zip(SIDES, (difference, negative), strict=True)
    ]
    for side in sides:
        full = f"{name}.{side.name}.compare"
        side.running = low.register(
            full, side.running, "side", f"{side.name} before sharing", compare.span, name, "compare"
        )
    names = pipeline.step_names(low, block)
    ok = True
    for position, step in enumerate(block.steps):
        if step is compare:
            continue
        if step.word == "compare":
            low.error(
                "duplicate-clause",
                f"sharing `{name}` compares twice",
                step.span,
                "use two sharing blocks",
                labels=[Label(compare.span, "the first comparison")],
                fixes=[edits.without(step.span, "remove the second one")],
            )
            ok = False
            continue
        if step.word == "net" and step.side is None:
            ok = _net(low, name, names[position], step, sides) and ok
            continue
        for side in sides:
            if step.side in (None, side.name):
                ok = _step(low, name, names[position], step, side) and ok
        if step.side is None and ok and step.word != "refuse":
            total = expressions.operate(low, "-", sides[0].running, sides[1].running, step.span)
            if total is not None:
                low.also(f"{name}.{names[position]}", total)
    if not ok:
        return False
    for side in sides:
        low.also(f"{name}.{side.name}", side.running)
    amount = expressions.operate(low, "-", sides[0].running, sides[1].running, block.span)
    if amount is None:
        return False
    amount = low.register(f"{name}.amount", amount, "amount", name, block.span, name)
    low.also(name, amount)
    return True


def _compared(low: Lowering, block: ast.Block) -> list[Fix]:
    """A comparison of the budget and the spending of the contract, or of its first two amounts."""
    kinds = {"budget": "", "spending": ""}
    for name, item in low.scope.items.items():
        if isinstance(item, ast.Block) and item.kind in kinds and name not in low.broken:
            kinds[item.kind] = kinds[item.kind] or name
    amounts = [n for n in kinds.values() if n]
    if len(amounts) < 2:
        amounts = [
            n
            for n in low.scope.columns
            if (t := remedies.type_of(low, ast.Name((n,), span=block.span))) and t.unit == USD
        ]
    if len(amounts) < 2:
        return []
    return [remedies.new_line(block, f"compare  {amounts[0]} to {amounts[1]}")]


def _difference(low: Lowering, compare: ast.Step) -> Ref | None:
    assert compare.argument is not None
    other = compare.get("to")
    assert other is not None
    a, b = (expressions.numeric(low, e, "`compare`") for e in (compare.argument, other))
    if a is None or b is None:
        return None
    found = typing.unify((low.type(a), low.type(b)), "comparing")
    if isinstance(found, Problem):
        low.problem(found, compare.span, (compare.argument, other))
        return None
    if found.kind is not Kind.MONEY:
        low.error(
            "unit-mismatch",
            f"`compare` needs money on both sides, here is {described(found)}",
            compare.span,
            "compare amounts in `USD` or `USD pmpm`",
        )
        return None
    fine = [(ref, part, extra) for ref, part in ((a, compare.argument), (b, other)) if (extra := low.beyond(ref))]
    for ref, part, extra in fine:
        low.too_fine(ref, part, f"`{edits.one_line(part.span)}`", extra)
    if fine:
        return None
    return expressions.operate(low, "-", a, b, compare.span, (compare.argument, other))


def _step(low: Lowering, block: str, name: str, step: ast.Step, side: _Side) -> bool:
    full = f"{block}.{side.name}.{name}"
    if step.word == "refuse":
        return _refuse(low, block, step, side)

    def named(argument: Ref) -> Ref:
        """The argument as a value of its own: `risk.surplus.cap.limit`, also `risk.cap.limit`."""
        word = pipeline.ARGUMENT_WORDS[step.word]
        label = f"{side.name} {name} {word}"
        ref = low.register(f"{full}.{word}", argument, "argument", label, step.span, block, step.word)
        low.values.setdefault(f"{block}.{name}.{word}", ref)
        return ref

    after = _applied(low, block, step, side.running, named, side.bounds)
    if after is None:
        return False
    conditioned = pipeline.conditioned(low, step, side.running, after)
    if conditioned is None:
        return False
    if side.refused is not None:
        zero = pipeline.zero_like(low, conditioned, step.span)
        conditioned = pipeline.choose(low, side.refused, zero, conditioned, step.span)
    side.running = low.register(full, conditioned, "side", f"{side.name} {name}", step.span, block, step.word)
    if step.side is not None:
        low.values.setdefault(f"{block}.{name}", side.running)
    return True


def _net(low: Lowering, block: str, name: str, step: ast.Step, sides: list[_Side]) -> bool:
    """`net of ledger.p` on both sides: what was paid before is taken off the difference, so that it may change its sign.

    A refusal of losses does not keep what was paid too much: both sides start anew.
    """
    surplus, deficit = sides
    paid = _paid(low, block, step)
    if paid is None:
        return False
    paid = low.register(f"{block}.{name}.amount", paid, "argument", f"{name} amount", step.span, block, step.word)
    before = pipeline.difference(low, surplus.running, deficit.running, step.span)
    after = None if before is None else pipeline.difference(low, before, paid, step.span)
    after = None if before is None or after is None else pipeline.conditioned(low, step, before, after)
    if after is None:
        return False
    after = low.register(f"{block}.{name}", after, "step", name, step.span, block, step.word)
    less = low.emit(nodes.Negate(), (after,), low.type(after), step.span)
    for side, running in ((surplus, after), (deficit, less)):
        size = pipeline.not_below_zero(low, running, step.span)
        full = f"{block}.{side.name}.{name}"
        side.running = low.register(full, size, "side", f"{side.name} {name}", step.span, block, "netted")
        side.refused = None
    return True


def _paid(low: Lowering, block: str, step: ast.Step) -> Ref | None:
    assert isinstance(step.argument, ast.Name)
    reading = [n for n, i in low.scope.items.items() if isinstance(i, ast.Payment) and _reads(i, block)]
    return ledger.netted(low, step.argument, reading[0] if reading else "PAYMENT")


def _reads(payment: ast.Payment, block: str) -> bool:
    return any(name.parts[0] == block for name, _ in names_in(payment.body))


def _refuse(low: Lowering, block: str, step: ast.Step, side: _Side) -> bool:
    written, reason = step.get("when"), step.get("reason")
    assert written is not None
    condition = expressions.flag(low, written)
    if condition is None:
        return False
    text = reason.value if isinstance(reason, ast.Text) else f"refused when {written.span.text}"
    if side.refused is None:
        side.refused = condition
    else:
        types = [low.type(side.refused), low.type(condition)]
        type_ = replace(FLAG, grain=typing.union(types), absent=typing.absences(types))
        side.refused = low.emit(nodes.Logic("or"), (side.refused, condition), type_, step.span)
    low.refusals.append(nodes.Refusal(f"{block}.{side.name}", condition, text, step.span))
    zero = pipeline.zero_like(low, side.running, step.span)
    after = pipeline.choose(low, condition, zero, side.running, step.span)
    count = sum(1 for r in low.refusals if r.name == f"{block}.{side.name}")
    label = step.label or ("refuse" if count == 1 else f"refuse_{count}")
    side.running = low.register(
        f"{block}.{side.name}.{label}", after, "side", f"{side.name} unless refused", step.span, block, "refuse"
    )
    return True


def _applied(
    low: Lowering, block: str, step: ast.Step, running: Ref, named: Callable[[Ref], Ref], bounds: pipeline.Bounds
) -> Ref | None:
    """The size after the step; its argument gets a name of its own first."""
    match step.word:
        case "share":
            factor = pipeline.rate(low, step)
            return None if factor is None else pipeline.product(low, running, named(factor), step.span)
        case "reduce":
            factor = pipeline.rate(low, step)
            kept = None if factor is None else pipeline.complement(low, named(factor), step.span)
            return None if kept is None else pipeline.product(low, running, kept, step.span)
        case "cap" | "floor":
            return pipeline.limit(low, step, running, named, bounds)
        case "less":
            less = pipeline.amount_like(low, step, running)
            return None if less is None else pipeline.difference_not_below_zero(low, running, named(less), step.span)
        case "net":
            paid = _paid(low, block, step)
            return None if paid is None else pipeline.difference_not_below_zero(low, running, named(paid), step.span)
        case "minimum":
            return _minimum(low, step, running, named)
        case "bands":
            return _bands(low, step, running)
        case "round":
            return pipeline.rounded(low, step, running)
        case _:
            low.error("unsupported", f"`{step.word}` is not a step of `sharing` yet", step.span, "leave it out")
            return None


def _minimum(low: Lowering, step: ast.Step, running: Ref, named: Callable[[Ref], Ref]) -> Ref | None:
    """`minimum RATE of X, first dollar|excess [unless COND]`: reached when size >= rate * X."""
    factor = pipeline.rate(low, step)
    of = step.get("of")
    assert of is not None
    base = pipeline.amount_like(low, step, running, of)
    if factor is None or base is None:
        return None
    threshold = pipeline.product(low, named(factor), base, step.span)
    if threshold is None:
        return None
    mode = step.get("mode")
    if isinstance(mode, ast.Text) and mode.value == "excess":
        after = pipeline.difference_not_below_zero(low, running, threshold, step.span)
    else:
        found = typing.comparison(">=", low.type(running), low.type(threshold))
        assert not isinstance(found, Problem)
        reached = low.emit(nodes.Compare(">="), (running, threshold), found, step.span)
        after = pipeline.choose(low, reached, running, pipeline.zero_like(low, running, step.span), step.span)
    unless = step.get("unless")
    if after is not None and unless is not None:
        waived = expressions.flag(low, unless)
        if waived is None:
            return None
        after = pipeline.choose(low, waived, running, after, step.span)
    return after


def _bands(low: Lowering, step: ast.Step, running: Ref) -> Ref | None:
    """`bands SCALE of X`: the marginal scale over the size as a share of X, times X."""
    of = step.get("of")
    assert of is not None
    assert step.argument is not None
    base = pipeline.amount_like(low, step, running, of)
    if base is None:
        return None
    scale = low.scales.get(step.argument.span.text) if isinstance(step.argument, ast.Name) else None
    if scale is None:
        known = [n for n, s in low.scales.items() if s.curve.marginal]
        if isinstance(step.argument, ast.Name) and step.argument.text not in low.scope.items:
            low.scope.unknown(step.argument, known, "scale")
        elif not isinstance(step.argument, ast.Name) or not isinstance(
            low.scope.items.get(step.argument.text), ast.Scale
        ):
            low.error(
                "kind-mismatch",
                "`bands` needs the name of a scale",
                step.argument.span,
                "declare `scale x(share) marginal { … }`",
            )
        return None
    low.used.add(step.argument.text)  # type: ignore[union-attr]
    if not scale.curve.marginal:
        low.error(
            "kind-mismatch",
            f"scale `{scale.curve.name}` is not marginal",
            step.argument.span,
            "declare it `marginal`, or write `share`",
        )
        return None
    size = low.emit(nodes.Absolute(), (base,), low.type(base), step.span)
    ratio = expressions.operate(low, "/", running, size, step.span)
    if ratio is None:
        return None
    shared = low.emit(scale.curve, (ratio,), replace(low.type(ratio), step=None), step.span)
    return pipeline.product(low, shared, size, step.span)
