"""`budget`: a target per member per month, built in the order written, and its total."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import calls, expressions, pipeline, references, remedies, shifts
from contractlang.plan.lowering.context import Lowering
from contractlang.semantics.schedules import from_year
from contractlang.semantics.terms import TermsTable
from contractlang.semantics.types import MEMBER_MONTH, NONE, PMPM, USD, Kind, Type
from contractlang.semantics.typing import described
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, State


def lower_budget(low: Lowering, name: str, block: ast.Block) -> bool:
    """Register `name.step` values, `name.pmpm`, `name.total`; False after a report."""
    names = pipeline.step_names(low, block)
    low.block = name
    low.around = low.populations.get(block.subject.text) if block.subject else None
    try:
        return _lowered(low, name, block, names)
    finally:
        low.around = None


def _lowered(low: Lowering, name: str, block: ast.Block, names: dict[int, str]) -> bool:
    bounds = pipeline.Bounds()
    running: Ref | None = None
    ok = True
    for position, step in enumerate(block.steps):
        if running is None:
            if step.word != "base":
                low.error(
                    "missing-clause",
                    f"budget `{name}` must start with `base`",
                    step.span,
                    "write `base AMOUNT` first",
                    fixes=_base_first(low, block),
                )
                return False
            running = _base(low, step)
            if running is None:
                return False
        else:
            after = _applied(low, step, running, partial(_argument, low, name, names[position], step), bounds)
            conditioned = None if after is None else pipeline.conditioned(low, step, running, after)
            if conditioned is None:
                ok = False
                continue
            running = conditioned
        running = low.register(
            f"{name}.{names[position]}", running, "step", f"after {names[position]}", step.span, name, step.word
        )
    if running is None:
        low.error("missing-clause", f"budget `{name}` has no steps", block.span, "write `base AMOUNT` first")
        return False
    if not ok:
        return False
    return _totals(low, name, block, running)


def _base(low: Lowering, step: ast.Step) -> Ref | None:
    """`base X`, or `base X at BASELINE, each year trended by SCHEDULE`."""
    assert step.argument is not None
    trended = step.get("trended")
    ref = (
        _trended_base(low, step, trended) if trended is not None else expressions.numeric(low, step.argument, "`base`")
    )
    if ref is not None and low.type(ref).unit != PMPM:
        low.error(
            "unit-mismatch",
            f"a budget is built in `USD pmpm`, the base is {described(low.type(ref))}",
            step.argument.span,
            "divide the total by the member_months it covers",
            fixes=_per_member_month(low, step.argument, low.type(ref)),
        )
        return None
    return ref


def _per_member_month(low: Lowering, base: ast.Expr, type_: Type) -> list[Fix]:
    if isinstance(base, ast.Number) and (base.symbol == "$" or type_.literal):
        return list(remedies.in_unit(base, replace(type_, unit=PMPM, shown=None)))
    months = remedies.quantity(low, MEMBER_MONTH)
    return [remedies.behind(base, f" / {months}")] if type_.unit == USD and months is not None else []


def _base_first(low: Lowering, block: ast.Block) -> list[Fix]:
    """The `base` step moved to the front, or one of the spending of the same population."""
    base = next((s for s in block.steps if s.word == "base"), None)
    if base is not None:
        return [remedies.new_line(block, base.span.text, (edits.without(base.span, "").edits))]
    for name, item in low.scope.items.items():
        if isinstance(item, ast.Block) and item.kind == "spending" and item.subject == block.subject:
            return [remedies.new_line(block, f"base  {name}.pmpm")]
    return [remedies.new_line(block, "base  $0 pmpm")]


def _trended_base(low: Lowering, step: ast.Step, trended: ast.Expr) -> Ref | None:
    """Each base year brought to the last base year by the schedule, then weighted."""
    at = step.argument
    item = low.scope.items.get(at.period.text) if isinstance(at, ast.At) and isinstance(at.period, ast.Name) else None
    table = low.declared.terms.get(trended.text) if isinstance(trended, ast.Name) else None
    if table is None and isinstance(trended, ast.Name) and isinstance(low.scope.items.get(trended.text), ast.Schedule):
        return None  # the schedule itself is wrong, which has been told
    if not isinstance(at, ast.At) or not isinstance(item, ast.Baseline) or table is None:
        low.error(
            "kind-mismatch",
            "`each year trended by` needs a base at a baseline and a schedule per year",
            step.span,
            "write `base X at history, each year trended by trend`",
        )
        return None
    low.used |= {table.name, item.name}
    years = [e.low.value for e in item.entries if isinstance(e.low, ast.Number)]
    last = int(max(years))
    total: Ref | None = None
    for entry in item.entries:
        assert isinstance(entry.low, ast.Number)
        factor = Fraction(1)
        for year in range(int(entry.low.value) + 1, last + 1):
            rate = _value_in(table, year)
            if rate is None:
                low.error(
                    "schedule-gap",
                    f"schedule `{table.name}` has no value for {year}, and base years are brought to {last}",
                    step.span,
                    f"add an entry for {year} to `{table.name}`",
                    fixes=from_year(low.scope.items[table.name], year),
                )
                return None
            factor *= 1 + rate
        value = shifts.lower_shift(low, ast.At(at.operand, entry.low, span=at.span))
        weight = expressions.lower_expression(low, entry.value)
        if value is None or weight is None:
            return None
        trend = low.constant(factor, Type(Kind.NUMBER), step.span)
        brought = pipeline.product(low, value, trend, step.span)
        part = None if brought is None else pipeline.product(low, brought, weight, step.span)
        total = part if total is None or part is None else expressions.operate(low, "+", total, part, step.span)
    return total


def _argument(low: Lowering, block: str, name: str, step: ast.Step, argument: Ref) -> Ref:
    """The argument of a step as a value of its own: `global.trend.rate`."""
    word = pipeline.ARGUMENT_WORDS[step.word]
    return low.register(f"{block}.{name}.{word}", argument, "argument", f"{name} {word}", step.span, block, step.word)


def _applied(
    low: Lowering, step: ast.Step, running: Ref, named: Callable[[Ref], Ref], bounds: pipeline.Bounds
) -> Ref | None:
    match step.word:
        case "trend":
            factor = _trend(low, step)
        case "adjust":
            factor = pipeline.rate(low, step)
        case "correct":
            rate = pipeline.rate(low, step)
            factor = None if rate is None else _one_plus(low, rate, step.span)
        case "risk":
            return _risk(low, step, running, named)
        case "blend":
            return _blend(low, step, running, named)
        case "withhold" if step.get("earned") is not None:
            return _earned_back(low, step, running, named)
        case "discount" | "withhold":
            rate = pipeline.rate(low, step)
            kept = None if rate is None else pipeline.complement(low, named(rate), step.span)
            return None if kept is None else pipeline.product(low, running, kept, step.span)
        case "add":
            amount = pipeline.amount_like(low, step, running)
            return None if amount is None else expressions.operate(low, "+", running, named(amount), step.span)
        case "cap" | "floor":
            return pipeline.limit(low, step, running, named, bounds)
        case "round":
            return pipeline.rounded(low, step, running)
        case _:
            low.error("unsupported", f"`{step.word}` is not a step of `budget` yet", step.span)
            return None
    return None if factor is None else pipeline.product(low, running, named(factor), step.span)


def _one_plus(low: Lowering, rate: Ref, span: Span) -> Ref | None:
    one = low.constant(Fraction(1), Type(Kind.NUMBER, NONE, step=Fraction(1)), span)
    return expressions.operate(low, "+", one, rate, span)


def _earned_back(low: Lowering, step: ast.Step, running: Ref, named: Callable[[Ref], Ref]) -> Ref | None:
    """`withhold W, earned back by Q`: the budget less W * (1 - Q)."""
    rate, earned = pipeline.rate(low, step), step.get("earned")
    assert earned is not None
    share = expressions.numeric(low, earned, "`earned back`")
    if rate is None or share is None:
        return None
    lost = pipeline.complement(low, share, step.span)
    kept = None if lost is None else pipeline.product(low, named(rate), lost, step.span)
    factor = None if kept is None else pipeline.complement(low, kept, step.span)
    return None if factor is None else pipeline.product(low, running, factor, step.span)


def _blend(low: Lowering, step: ast.Step, running: Ref, named: Callable[[Ref], Ref]) -> Ref | None:
    """`blend Z own, rest X`: Z of the running value and 1 - Z of X."""
    rest_written = step.get("rest")
    assert rest_written is not None
    weight = pipeline.rate(low, step)
    rest = pipeline.amount_like(low, step, running, rest_written)
    if weight is None or rest is None:
        return None
    weight = named(weight)
    remainder = pipeline.complement(low, weight, step.span)
    own = pipeline.product(low, running, weight, step.span)
    other = None if remainder is None else pipeline.product(low, rest, remainder, step.span)
    return None if own is None or other is None else expressions.operate(low, "+", own, other, step.span)


def _risk(low: Lowering, step: ast.Step, running: Ref, named: Callable[[Ref], Ref]) -> Ref | None:
    """`risk X relative to P [, normalised over network by W] [, within A to B]`: the ratio of X to X at P.

    Normalised: X is divided by its mean over all settled units, weighted by W, in its own period; the same for P. The
    bounds limit the ratio, not the level.
    """
    assert step.argument is not None
    score = expressions.numeric(low, step.argument, "`risk`")
    at = step.get("relative")
    if score is None or at is None:
        return None
    weight_written = step.get("normalised")
    if weight_written is not None:
        weight = expressions.numeric(low, weight_written, "`normalised`")
        if weight is None:
            return None
        op = nodes.Aggregate("mean", ("network",), weighted=True)
        grain = (low.type(score).grain | low.type(weight).grain) - {low.scope.unit}
        absent = frozenset({State.NOT_REPORTABLE})
        mean = low.emit(op, (score, weight), replace(low.type(score), grain=grain, absent=absent, step=None), step.span)
        normalised = expressions.operate(low, "/", score, mean, step.span)
        if normalised is None:
            return None
        score = normalised
    assert low.block is not None
    current = low.register(f"{low.block}.risk.score", score, "argument", "risk score", step.span, low.block, "risk")
    shift = ast.At(ast.Name((*low.block.split("."), "risk", "score"), span=step.span), at, span=step.span)
    base = shifts.lower_shift(low, shift)
    ratio = None if base is None else expressions.operate(low, "/", current, base, step.span)
    for word, op_name in (("low", "max"), ("high", "min")):
        bound_written = step.get(word)
        if ratio is not None and bound_written is not None:
            bound = expressions.numeric(low, bound_written, "`within`")
            ratio = (
                None
                if bound is None
                else calls.limited(low, op_name, ratio, bound, (step.argument, bound_written), step.span)
            )
    return None if ratio is None else pipeline.product(low, running, named(ratio), step.span)


def _trend(low: Lowering, step: ast.Step) -> Ref | None:
    """`trend compounded s since 2010`: the product of 1 + s over the years after 2010 up to the own one; or `trend x`: 1 + x."""
    since = step.get("since")
    if since is None:
        rate = pipeline.rate(low, step)
        return None if rate is None else _one_plus(low, rate, step.span)
    table = low.declared.terms.get(step.argument.text) if isinstance(step.argument, ast.Name) else None
    start = since.value if isinstance(since, ast.Number) else None
    if isinstance(since, ast.Date):
        start = Fraction(since.value.year)
    if table is None or set(table.columns) != {"value"} or table.keys != ("year",):
        low.error(
            "kind-mismatch",
            "a compounded trend needs a schedule per year",
            step.span,
            "declare `schedule trend per year { … }`",
        )
        return None
    if start is None or start.denominator != 1:
        low.error(
            "kind-mismatch",
            "`since` needs a year",
            step.span,
            "write `since 2010`: the first factor is that of the year after",
        )
        return None
    low.used.add(table.name)
    return _compounded(low, table, int(start), step)


def _compounded(low: Lowering, table: TermsTable, start: int, step: ast.Step) -> Ref | None:
    rows: list[nodes.TermsRow] = []
    product = Fraction(1)
    first, last = low.term_years
    for year in range(start + 1, last + 1):
        rate = _value_in(table, year)
        if rate is None:
            low.error(
                "schedule-gap",
                f"schedule `{table.name}` has no value for {year}, and the trend compounds from {start + 1}",
                step.span,
                f"add an entry for {year} to `{table.name}`",
                fixes=from_year(low.scope.items[table.name], year),
            )
            return None
        product *= 1 + rate
        if year >= first:
            rows.append(nodes.TermsRow((Fraction(year),), product, step.span))
    if first <= start <= last:
        rows.append(nodes.TermsRow((Fraction(start),), Fraction(1), step.span))
    before = Absent(State.NOT_APPLICABLE, f"before {start}")
    early = [nodes.TermsRow((Fraction(year),), before, step.span) for year in range(first, min(start, last + 1))]
    rows += early
    key = references.key(low, "year", step.span)
    absent = frozenset({State.NOT_APPLICABLE}) if early else frozenset()
    type_ = Type(Kind.NUMBER, NONE, low.type(key).grain, absent=absent)
    return low.emit(nodes.Terms(table.name, f"compounded since {start}", tuple(rows)), (key,), type_, step.span)


def _value_in(table: TermsTable, year: int) -> Fraction | None:
    for pattern, value in zip(table.patterns, table.columns["value"].values, strict=True):
        ends = pattern[0]
        assert isinstance(ends, tuple)
        low, high = ends
        if (low is None or low <= year) and (high is None or year <= high):  # type: ignore[operator]
            return value if isinstance(value, Fraction) else None
    return None


def _totals(low: Lowering, name: str, block: ast.Block, pmpm: Ref) -> bool:
    low.also(f"{name}.pmpm", low.register(f"{name}.pmpm", pmpm, "step", "budget pmpm", block.span, name))
    subject = block.subject
    assert subject is not None
    months = low.values.get(f"{subject.text}.member_months")
    if months is None:
        if subject.text not in low.broken:
            populations = [n for n, i in low.scope.items.items() if isinstance(i, ast.Block) and i.kind == "population"]
            low.scope.unknown(subject, populations, "population")
        return False
    low.used.add(subject.text)
    total = pipeline.product(low, low.values[f"{name}.pmpm"], months, block.span)
    if total is None:
        return False
    total = low.register(f"{name}.total", total, "amount", f"{name} total", block.span, name)
    low.also(name, total)
    return True
