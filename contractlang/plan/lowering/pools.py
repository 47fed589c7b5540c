"""`pool`: a fund, built step by step, that is split exactly among the settlement units.

The fund is one amount for the network. `pool.share` is what a unit gets: all shares add up to the fund, to the cent.
What is left over where nobody has any weight is `pool.residual`, and the contract says where it goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix, Label
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import calls, expressions, pipeline
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.semantics import typing
from contractlang.semantics.order import names_in
from contractlang.semantics.types import USD, Kind, Type
from contractlang.semantics.typing import described
from contractlang.syntax import ast
from contractlang.values import State

FUNDING = ("funding", "add", "less", "cap", "floor", "round")
"""Steps that build the fund."""

NEEDED = {
    "funding": "funding AMOUNT, on top",
    "split": "split by WEIGHT over UNIT",
    "exact": "exact to cents, largest remainder, ties by UNIT",
    "residual": "residual when total weight is 0, return to payer",
}
"""Clauses of every pool, with an example."""


@dataclass(frozen=True, slots=True)
class _Clauses:
    """The clauses of a pool that are written once."""

    funding: ast.Step
    split: ast.Step
    exact: ast.Step
    residual: ast.Step


def lower_pool(low: Lowering, name: str, block: ast.Block) -> bool:
    """Register the steps of the fund, `name.fund`, `.weight`, `.total_weight`, `.residual` and `.share`; False after a report."""
    clauses = _clauses(low, block)
    if clauses is None or not _over(low, clauses) or not _disposal(low, name, clauses.residual):
        return False
    unit = _unit(low, clauses.exact)
    fund = None if unit is None else _fund(low, name, block, clauses, unit)
    weight = _weight(low, clauses.split)
    taking_part = _taking_part(low, name, block)
    if unit is None or fund is None or weight is None or taking_part is None:
        return False
    if not _contribution(low, name, clauses.funding):
        return False
    fund = low.register(f"{name}.fund", fund, "step", "fund", clauses.funding.span, name)
    assert clauses.split.argument is not None
    words = f"weight: {edits.one_line(clauses.split.argument.span)}"
    weight = low.register(f"{name}.weight", weight, "step", words, clauses.split.span, name)
    kept = tuple(taking_part)
    total = _total(low, weight, kept, clauses.split)
    label = "weight of all"
    total = low.register(f"{name}.total_weight", total, "step", label, clauses.split.span, name)
    _residual(low, name, clauses.residual, fund, total)
    states = typing.absences([low.type(ref) for ref in (fund, weight, *kept)])
    type_ = Type(Kind.MONEY, USD, low.settled, step=unit, absent=states)
    share = low.emit(nodes.Split(("network",), unit, bool(kept)), (fund, weight, *kept), type_, clauses.split.span)
    share = low.register(f"{name}.share", share, "amount", name, block.span, name)
    low.also(f"{name}.amount", share)
    low.also(name, share)
    return True


# Clauses -------------------------------------------------------------------------------------------------------------


def _clauses(low: Lowering, block: ast.Block) -> _Clauses | None:
    found: dict[str, ast.Step] = {}
    for word, example in NEEDED.items():
        steps = [s for s in block.steps if s.word == word]
        if not steps:
            text = example.replace("UNIT", low.scope.unit)
            last = block.steps[-1].span
            end = edits.after(last, f"\n{' ' * (last.column - 1)}{text}")
            low.error(
                "missing-clause",
                f"pool `{block.name}` has no `{word}` clause",
                block.span,
                f"write `{text}`",
                fixes=[Fix(f"write `{text}`", (end,))] if word in ("exact", "residual") else [],
            )
            return None
        if len(steps) > 1:
            low.error(
                "duplicate-clause",
                f"pool `{block.name}` has two `{word}` clauses",
                steps[1].span,
                "keep one",
                labels=[Label(steps[0].span, "the first one")],
                fixes=[edits.without(steps[1].span, "remove the second one")],
            )
            return None
        found[word] = steps[0]
    funding, split = found["funding"], found["split"]
    for position, step in enumerate(block.steps):
        early = step is not funding and step.word in FUNDING and position < block.steps.index(funding)
        late = step.word in FUNDING and position > block.steps.index(split)
        if early or late:
            where = "before `split`" if late else "after `funding`"
            low.error(
                "missing-clause",
                f"`{step.word}` changes the fund and must stand {where}",
                step.span,
                "steps apply in the order written",
                labels=[Label((split if late else funding).span, "here")],
            )
            return None
        if step.get("when") is not None and step.word not in FUNDING[1:]:
            low.error(
                "unsupported",
                f"`{step.word}` takes no condition",
                step.span,
                "state the condition of taking part with `require`, the amount with a `define` of cases",
            )
            return None
    return _Clauses(funding, split, found["exact"], found["residual"])


def _over(low: Lowering, clauses: _Clauses) -> bool:
    """Whether the pool is split over what the contract settles, and ties are broken by it."""
    for step, part in ((clauses.split, "over"), (clauses.exact, "by")):
        written = step.get(part)
        assert written is not None
        word = written.text if isinstance(written, ast.Name) else ""
        if word not in (low.scope.unit, *(("network",) if part == "over" else ())):
            clause = f"`split … over {low.scope.unit}`" if part == "over" else f"`ties by {low.scope.unit}`"
            low.error(
                "unsupported" if word else "kind-mismatch",
                f"`{written.span.text}` is not what the contract settles",
                written.span,
                f"write {clause}",
                fixes=[edits.instead(written.span, low.scope.unit)],
            )
            return False
    return True


def _disposal(low: Lowering, name: str, step: ast.Step) -> bool:
    """`carry to next PERIOD`, `return to payer` or `to POOL`, which must take it up."""
    if isinstance(step.argument, ast.Number) and step.argument.value != 0:
        low.error(
            "kind-mismatch",
            "a pool has something left over where the total weight is 0",
            step.argument.span,
            "write `residual when total weight is 0, …`",
            fixes=[edits.instead(step.argument.span, "0")],
        )
        return False
    carry, target = step.get("carry"), step.get("to")
    if isinstance(carry, ast.Name) and carry.text != low.scope.period:
        low.error(
            "grain-mismatch",
            f"the contract settles per {low.scope.period}, not per {carry.text}",
            carry.span,
            f"write `carry to next {low.scope.period}`",
            fixes=[edits.instead(carry.span, low.scope.period)],
        )
        return False
    return target is None or (isinstance(target, ast.Name) and _taken_up(low, name, target))


def _taken_up(low: Lowering, name: str, target: ast.Name) -> bool:
    """Whether another pool adds to its fund what is left of this one."""
    pools = {n: i for n, i in low.scope.items.items() if isinstance(i, ast.Block) and i.kind == "pool" and n != name}
    other = pools.get(target.text)
    if other is None:
        low.scope.unknown(target, list(pools), "pool")
        return False
    low.used.add(target.text)
    steps = tuple(s for s in other.steps if s.word in FUNDING)
    if any(found.text == f"{name}.residual" for found, _ in names_in(steps)):
        return True
    funding = next((s for s in steps if s.word == "funding"), None)
    fixes: list[Fix] = []
    if funding is not None:
        indent = " " * (funding.span.column - 1)
        fixes = [Fix("add it to the fund", (edits.after(funding.span, f"\n{indent}add      {name}.residual"),))]
    low.error(
        "residual-not-taken-up",
        f"what is left of `{name}` goes to `{target.text}`, whose fund does not take it up",
        target.span,
        f"write `add {name}.residual` in pool `{target.text}`",
        labels=[Label(other.span, "this pool")],
        fixes=fixes,
    )
    return False


# The fund ------------------------------------------------------------------------------------------------------------


def _fund(low: Lowering, name: str, block: ast.Block, clauses: _Clauses, unit: Fraction) -> Ref | None:
    """The steps of the fund in the order written; None after a report."""
    names = pipeline.step_names(low, block)
    bounds = pipeline.Bounds()
    running: Ref | None = None
    for position, step in enumerate(block.steps):
        if step.word not in FUNDING:
            continue
        if running is None:
            running = _funding(low, step)
            if running is None:
                return None
            running = low.register(f"{name}.{names[position]}", running, "step", "funding", step.span, name, step.word)
            if clauses.residual.get("carry") is not None:
                running = _carried(low, name, clauses.residual, running, unit)
                if running is None:
                    return None
            continue
        named = partial(_argument, low, name, names[position], step)
        after = _changed(low, step, running, named, bounds)
        after = None if after is None else pipeline.conditioned(low, step, running, after)
        if after is None or not _for_all(low, after, step):
            return None
        label = f"after {names[position]}"
        running = low.register(f"{name}.{names[position]}", after, "step", label, step.span, name, step.word)
    assert running is not None
    return running if _whole(low, running, block, clauses, unit) else None


def _funding(low: Lowering, step: ast.Step) -> Ref | None:
    assert step.argument is not None
    ref = expressions.numeric(low, step.argument, "`funding`")
    if ref is None:
        return None
    if low.type(ref).unit != USD:
        low.error(
            "unit-mismatch",
            f"a fund is an amount in `USD`, here is {described(low.type(ref))}",
            step.argument.span,
            "write what the pool holds in all: `7% of sum(allowed over network)`",
        )
        return None
    return ref if _for_all(low, ref, step) else None


def _contribution(low: Lowering, name: str, step: ast.Step) -> bool:
    """`carved out`: what each unit gives up; all contributions add up to the funding. False after a report."""
    mode = step.get("funded")
    if not isinstance(mode, ast.Text) or mode.value != "carved out":
        return True
    assert step.argument is not None
    own = _own_part(step.argument)
    ref = None if own is None else expressions.lower_expression(low, own)
    if ref is None or low.scope.unit not in low.type(ref).grain:
        low.error(
            "kind-mismatch",
            f"what each {low.scope.unit} gives up for the pool is not clear",
            step.argument.span,
            "write `RATE of sum(x over network), carved out`, or `on top` where nobody gives anything up",
            fixes=[edits.instead(mode.span, "on top")],
        )
        return False
    low.register(
        f"{name}.contribution", ref, "step", f"carved out of what this {low.scope.unit} earns", step.span, name
    )
    return True


def _own_part(e: ast.Expr) -> ast.Expr | None:
    """An amount that is proportional to one `sum(x over network)`, with x in place of the sum; None for any other."""
    match e:
        case ast.Aggregate(function="sum", operand=operand, weight=None, where=None, except_own=False, over=(over,)):
            return operand if over.text == "network" else None
        case ast.Binary(op=("*" | "of") as op, left=left, right=right):
            if (own := _own_part(right)) is not None:
                return ast.Binary(op, left, own, span=e.span)
            own = _own_part(left)
            return None if own is None else ast.Binary(op, own, right, span=e.span)
        case ast.Binary(op="/", left=left, right=right):
            own = _own_part(left)
            return None if own is None else ast.Binary("/", own, right, span=e.span)
        case _:
            return None


def _argument(low: Lowering, block: str, name: str, step: ast.Step, argument: Ref) -> Ref:
    word = pipeline.ARGUMENT_WORDS[step.word]
    return low.register(f"{block}.{name}.{word}", argument, "argument", f"{name} {word}", step.span, block, step.word)


def _changed(
    low: Lowering, step: ast.Step, running: Ref, named: Callable[[Ref], Ref], bounds: pipeline.Bounds
) -> Ref | None:
    match step.word:
        case "add" | "less":
            amount = pipeline.amount_like(low, step, running)
            sign = "+" if step.word == "add" else "-"
            return None if amount is None else expressions.operate(low, sign, running, named(amount), step.span)
        case "cap" | "floor":
            return pipeline.limit(low, step, running, named, bounds)
        case _:
            return pipeline.rounded(low, step, running)


def _for_all(low: Lowering, ref: Ref, step: ast.Step) -> bool:
    """Whether an amount is one for all units of the period; reports one that varies."""
    assert step.argument is not None
    extra = low.beyond(ref)
    if not extra and low.scope.unit not in low.type(ref).grain:
        return True
    keys = ", ".join([*extra, *(["network"] if low.scope.unit in low.type(ref).grain else [])])
    low.error(
        "grain-mismatch",
        f"the fund is one amount for all, `{edits.one_line(step.argument.span)}` varies by "
        f"{' and '.join([*extra, *([low.scope.unit] if low.scope.unit in low.type(ref).grain else [])])}",
        step.argument.span,
        f"wrap it in `sum(… over {keys})`",
        fixes=[edits.around(step.argument.span, "sum(", f" over {keys})", "add it up")],
    )
    return False


def _carried(low: Lowering, name: str, step: ast.Step, running: Ref, unit: Fraction) -> Ref | None:
    """The fund with what was left over a period earlier; nothing before the start of the term."""
    residual = f"{name}.residual"
    type_ = low.assumed.get(residual, Type(Kind.MONEY, USD, frozenset({low.scope.period}), step=unit))
    read = replace(type_, grain=frozenset({low.scope.period}), absent=type_.absent | {State.MISSING})
    earlier = low.emit(nodes.Previous(residual, 1), (low.zero_money(step.span),), read, step.span)
    carried = low.register(
        f"{name}.carried.amount", earlier, "argument", f"carried from the {low.scope.period} before", step.span, name
    )
    after = expressions.operate(low, "+", running, carried, step.span)
    if after is None:
        return None
    label = f"with what was carried from the {low.scope.period} before"
    return low.register(f"{name}.carried", after, "step", label, step.span, name, "carry")


def _unit(low: Lowering, step: ast.Step) -> Fraction | None:
    """What the shares are whole multiples of: a cent, a dollar."""
    assert step.argument is not None
    if isinstance(step.argument, ast.Name) and step.argument.text in calls.STEPS:
        return calls.STEPS[step.argument.text]
    ref = expressions.numeric(low, step.argument, "`exact to`")
    if ref is None:
        return None
    op = low.builder.nodes[ref].op
    value = op.value if isinstance(op, nodes.Const) else None
    if low.type(ref).unit != USD or not isinstance(value, Fraction) or value <= 0:
        low.error(
            "kind-mismatch",
            "`exact to` needs an amount of money above zero",
            step.argument.span,
            "write `exact to cents, largest remainder, …`",
            fixes=[edits.instead(step.argument.span, "cents")],
        )
        return None
    return value


def _whole(low: Lowering, fund: Ref, block: ast.Block, clauses: _Clauses, unit: Fraction) -> bool:
    """Whether the fund is a whole number of what is handed out; otherwise something would be left over each time."""
    step = low.type(fund).step
    if step is not None and (step / unit).denominator == 1:
        return True
    last = [s for s in block.steps if s.word in FUNDING][-1]
    assert clauses.exact.argument is not None
    written = clauses.exact.argument.span.text
    clause = f"round    to {written}, half away from zero"
    indent = " " * (last.span.column - 1)
    low.error(
        "pool-not-whole",
        f"the fund of pool `{block.name}` need not be whole {written}",
        clauses.funding.span,
        f"round it before it is split: `round to {written}, half away from zero`",
        labels=[Label(clauses.exact.span, "what is split")],
        fixes=[Fix("round the fund", (edits.after(last.span, f"\n{indent}{clause}"),))],
    )
    return False


# The split -----------------------------------------------------------------------------------------------------------


def _weight(low: Lowering, step: ast.Step) -> Ref | None:
    assert step.argument is not None
    ref = expressions.numeric(low, step.argument, "`split by`")
    if ref is None:
        return None
    if extra := low.beyond(ref):
        low.too_fine(ref, step.argument, "the weight", extra)
        return None
    return ref


def _taking_part(low: Lowering, name: str, block: ast.Block) -> list[Ref] | None:
    """Whether a unit takes part, as one condition; none where there is no `require`."""
    conditions: list[Ref] = []
    for step in block.steps:
        if step.word != "require":
            continue
        assert step.argument is not None
        condition = expressions.flag(low, step.argument)
        if condition is None:
            return None
        if extra := low.beyond(condition):
            low.too_fine(condition, step.argument, "the requirement", extra)
            return None
        reason = step.get("reason")
        text = reason.value if isinstance(reason, ast.Text) else f"not {step.argument.span.text}"
        failed = low.emit(nodes.Logic("not"), (condition,), low.type(condition), step.span)
        low.refusals.append(nodes.Refusal(f"{name}.share", failed, text, step.span))
        low.conditions.append((condition, step.argument.span))
        conditions.append(condition)
    if len(conditions) < 2:
        return conditions
    types = [low.type(c) for c in conditions]
    type_ = replace(FLAG, grain=typing.union(types), absent=typing.absences(types))
    return [low.emit(nodes.Logic("and"), tuple(conditions), type_, block.span)]


def _total(low: Lowering, weight: Ref, kept: tuple[Ref, ...], step: ast.Step) -> Ref:
    type_ = low.type(weight)
    states = typing.absences([low.type(r) for r in (weight, *kept)])
    summed = replace(
        type_,
        grain=(type_.grain | typing.union([low.type(r) for r in kept])) - {low.scope.unit},
        absent=states & {State.MISSING},
        literal=False,
    )
    op = nodes.Aggregate("sum", ("network",), filtered=bool(kept))
    return low.emit(op, (weight, *kept), summed, step.span)


def _residual(low: Lowering, name: str, step: ast.Step, fund: Ref, total: Ref) -> None:
    """All of the fund where nobody has any weight, else nothing: an exact split leaves nothing over."""
    type_ = low.type(total)
    zero = low.constant(Fraction(0), Type(type_.kind, type_.unit, step=Fraction(0)), step.span)
    states = type_.absent
    nobody = low.emit(nodes.Compare("is"), (total, zero), replace(FLAG, grain=type_.grain, absent=states), step.span)
    left = pipeline.choose(low, nobody, fund, low.zero_money(step.span), step.span)
    target = step.get("to")
    where = "returned to the payer"
    if step.get("carry") is not None:
        where = f"carried to the next {low.scope.period}"
    elif isinstance(target, ast.Name):
        where = f"to `{target.text}`"
    low.register(f"{name}.residual", left, "step", f"left over, {where}", step.span, name)
