"""`budget`: a target per member per month, built in the order written, and its total."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, pipeline, references
from contractlang.plan.lowering.context import Lowering
from contractlang.semantics.terms import TermsTable
from contractlang.semantics.types import NONE, PMPM, Kind, Type
from contractlang.semantics.typing import described
from contractlang.syntax import ast


def lower_budget(low: Lowering, name: str, block: ast.Block) -> bool:
    """Register `name.step` values, `name.pmpm`, `name.total`; False after a report."""
    running: Ref | None = None
    names = pipeline.step_names(low, block)
    ok = True
    for position, step in enumerate(block.steps):
        if running is None:
            if step.word != "base":
                low.error(
                    "missing-clause", f"budget `{name}` must start with `base`", step.span, "write `base AMOUNT` first"
                )
                return False
            running = _base(low, step)
            if running is None:
                return False
        else:
            after = _applied(low, step, running, partial(_argument, low, name, names[position], step))
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
    assert step.argument is not None
    ref = expressions.numeric(low, step.argument, "`base`")
    if ref is not None and low.type(ref).unit != PMPM:
        low.error(
            "unit-mismatch",
            f"a budget is built in `USD pmpm`, the base is {described(low.type(ref))}",
            step.argument.span,
            "divide the total by the member_months it covers",
        )
        return None
    return ref


def _argument(low: Lowering, block: str, name: str, step: ast.Step, argument: Ref) -> Ref:
    """The argument of a step as a value of its own: `global.trend.rate`."""
    word = pipeline.ARGUMENT_WORDS[step.word]
    return low.register(f"{block}.{name}.{word}", argument, "argument", f"{name} {word}", step.span, block, step.word)


def _applied(low: Lowering, step: ast.Step, running: Ref, named: Callable[[Ref], Ref]) -> Ref | None:
    match step.word:
        case "trend":
            factor = _trend(low, step)
        case "adjust":
            factor = pipeline.rate(low, step)
        case "discount" | "withhold":
            rate = pipeline.rate(low, step)
            kept = None if rate is None else pipeline.complement(low, named(rate), step.span)
            return None if kept is None else pipeline.product(low, running, kept, step.span)
        case "add":
            amount = pipeline.amount_like(low, step, running)
            return None if amount is None else expressions.operate(low, "+", running, named(amount), step.span)
        case "cap" | "floor":
            return pipeline.limit(low, step, running, named)
        case "round":
            return pipeline.rounded(low, step, running)
        case _:
            low.error("unsupported", f"`{step.word}` is not a step of `budget` yet", step.span)
            return None
    return None if factor is None else pipeline.product(low, running, named(factor), step.span)


def _trend(low: Lowering, step: ast.Step) -> Ref | None:
    """`trend compounded s since 2010`: the product of 1 + s over the years after 2010 up to the own one; or `trend x`: 1 + x."""
    since = step.get("since")
    if since is None:
        rate = pipeline.rate(low, step)
        one = low.constant(Fraction(1), Type(Kind.NUMBER, NONE, step=Fraction(1)), step.span)
        return None if rate is None else expressions.operate(low, "+", one, rate, step.span)
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
            )
            return None
        product *= 1 + rate
        if year >= first:
            rows.append(nodes.TermsRow((Fraction(year),), product, step.span))
    if first <= start <= last:
        rows.append(nodes.TermsRow((Fraction(start),), Fraction(1), step.span))
    key = references.key(low, "year", step.span)
    type_ = Type(Kind.NUMBER, NONE, low.type(key).grain)
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
    months = low.values.get(f"{subject.text}.member_months") if subject else None
    if subject is None or months is None:
        low.error(
            "missing-clause",
            f"budget `{name}` does not say whose member-months it covers",
            block.span,
            f"write `budget {name} of POPULATION`",
        )
        return False
    low.used.add(subject.text)
    total = pipeline.product(low, low.values[f"{name}.pmpm"], months, block.span)
    if total is None:
        return False
    total = low.register(f"{name}.total", total, "amount", f"{name} total", block.span, name)
    low.also(name, total)
    return True
