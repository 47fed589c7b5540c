"""`measure` (also written `rate`): one measure with all that is asked of it.

    a proportion, or a rate per N     numerator and denominator, added up over member rows
    observed to expected              the same, beside what the network's rates would let expect (`standardised`)
    a mean with n                     `mean COLUMN`
    supplied                          `from` a table that has the rate of each group

Behind the rate stand `shrink` and `interval`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, remedies, rows, shrinkage, standardised
from contractlang.plan.lowering.aggregates import emit_aggregate
from contractlang.plan.lowering.context import Lowering, dimensionless
from contractlang.plan.lowering.counting import Counted, Summed, added_up, counted_sums, marked
from contractlang.plan.lowering.improvement import improvement
from contractlang.plan.lowering.intervals import Sample, interval
from contractlang.plan.lowering.member_bases import counted_of_members, over_members
from contractlang.plan.lowering.rates import Rate, only_reportable, register_rate, register_sum
from contractlang.plan.lowering.reduction import Population, member_table, one
from contractlang.plan.lowering.spending import population_of
from contractlang.plan.lowering.supplied import supplied
from contractlang.plan.relations import RowExpr
from contractlang.semantics.types import EVENT, Grain, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast


def lower_measure(low: Lowering, name: str, block: ast.Block) -> bool:
    """Register `name.numerator`, `.denominator`, `.rate` and what the further clauses add."""
    if not _clauses_agree(low, name, block):
        return False
    table = None if block.source is None else low.declared.inputs.get(block.source.text)
    if table is not None and not table.member_level:
        grain = low.settled | {n.text for n in block.per}
        if not supplied(low, name, block, table, grain, lambda ref: ref):
            return False
        return _behind_supplied(low, name, block)
    if block.subject is None:
        low.error(
            "missing-clause",
            f"measure `{name}` counts member rows of no population",
            block.span,
            f"write `measure {name} of POPULATION …`",
        )
        return False
    population = population_of(low, block)
    if population is None:
        return False
    if any(s.word == "mean" for s in block.steps):
        return _mean(low, name, block, population)
    return _counted(low, name, block, population)


def _clauses_agree(low: Lowering, name: str, block: ast.Block) -> bool:
    """At most one clause of each further word, and none that another one excludes."""
    for word in ("mean", "expected", "shrink", "interval", "rate_per", "reportable", "improvement", "better"):
        if sum(s.word == word for s in block.steps) > 1:
            one(low, block, word)
            return False
    words = {s.word: s for s in block.steps}
    for word, others in EXCLUDED.items():
        for other in others:
            if word in words and other in words:
                low.error(
                    "unsupported",
                    f"`{name}` has `{word}` and `{other.replace('_', ' ')}`, which do not go together",
                    words[other].span,
                    "remove one of the two",
                    fixes=[edits.without(words[other].span, "remove it")],
                )
                return False
    reportable = words.get("reportable")
    if reportable is not None and reportable.get("pooling") is not None and ("expected" in words or "mean" in words):
        low.error(
            "unsupported",
            "pooling of years is for numerators over denominators only",
            reportable.span,
            "leave `pooling` out",
        )
        return False
    return True


EXCLUDED = {
    "mean": ("numerator", "denominator", "rate_per", "expected"),
    "expected": ("rate_per",),
    "rate": ("numerator", "mean", "expected", "rate_per"),
}
"""Clauses of a measure that say what it is, with those that would say something else."""


# Numerators over denominators -----------------------------------------------------------------------------------------


def _counted(low: Lowering, name: str, block: ast.Block, population: Population) -> bool:
    clause = next((s for s in block.steps if s.word == "expected"), None)
    mix = () if clause is None else clause.names("by")
    per = (*block.per, *mix)
    count = counted_of_members if over_members(block, population) else counted_sums
    sums = count(low, name, block, population, per)
    if sums is None:
        return False
    labels = tuple(n.text for n in mix)
    for counted in sums:
        _register_sum(low, name, block, counted, labels)
    numerator, denominator = low.values[f"{name}.numerator"], low.values[f"{name}.denominator"]
    rate = register_rate(low, name, block, numerator, denominator)
    if rate is None:
        return False
    for counted in sums:
        if counted.word not in ("numerator", "denominator"):
            _share(low, name, counted.word, numerator, block)
    if clause is not None:
        return _expected(low, name, block, clause, sums, labels, rate)
    flags = [c.flag for c in sums if c.word == "numerator"]
    scaled = next((s for s in block.steps if s.word == "rate_per"), None)
    factor = Fraction(1) if scaled is None else _constant(low, scaled)
    kind = "proportion" if all(flags) and scaled is None else "count"
    sample = Sample(kind, rate.numerator, rate.denominator, rate.rate, factor)
    return _behind(low, name, block, sample, "rate")


def _register_sum(low: Lowering, name: str, block: ast.Block, counted: Counted, mix: tuple[str, ...]) -> None:
    """A sum at the grain of the measure: sums by case mix are added up."""
    grain = low.settled | set(counted.per)
    keys = tuple(k for k in mix if k in counted.per)

    def added(ref: Ref) -> Ref:
        return emit_aggregate(low, "sum", keys, ref, block.span) if keys else ref

    register_sum(low, name, block, counted, grain, added)


def _share(low: Lowering, name: str, word: str, numerator: Ref, block: ast.Block) -> None:
    """What part of the numerator a source adds."""
    span = next(s.span for s in block.steps if s.word == "numerator")
    share = expressions.operate(low, "/", low.values[f"{name}.{word}"], numerator, span)
    assert share is not None
    share = low.emit(nodes.Alias(), (share,), replace(low.type(share), kind=Kind.PERCENT), span)
    low.register(f"{name}.{word}.share", share, "step", f"{name} from {word.replace('_', ' ')}", span, name)


def _constant(low: Lowering, clause: ast.Step) -> Fraction:
    """The constant of `rate per N`, in base units."""
    assert clause.argument is not None
    ref = expressions.numeric(low, clause.argument, "`rate per`")
    op = None if ref is None else low.builder.nodes[ref].op
    return op.value if isinstance(op, nodes.Const) and isinstance(op.value, Fraction) else Fraction(1)


def _expected(
    low: Lowering,
    name: str,
    block: ast.Block,
    clause: ast.Step,
    sums: Sequence[Counted],
    mix: tuple[str, ...],
    rate: Rate,
) -> bool:
    """`name.expected` and `name.oe`, the principal value."""
    cells: list[Ref] = []
    for word in ("numerator", "denominator"):
        counted = next(c for c in sums if c.word == word)
        lacking = [k for k in mix if k not in counted.per]
        if lacking:
            low.error(
                "grain-mismatch",
                f"the {word} of `{name}` does not vary by `{lacking[0]}`",
                clause.span,
                f"declare a column `category in {lacking[0]}` beside it",
            )
            return False
        type_ = Type(Kind.COUNT, counted.type.unit, low.settled | set(counted.per), step=Fraction(1, 10**counted.scale))
        if not type_.unit.powers:
            type_ = replace(type_, unit=EVENT)
        cells.append(low.emit(nodes.Cell(counted.table, word), (), type_, clause.span))
    total = standardised.expected(low, clause, cells[0], cells[1], mix)
    if total is None:
        return False
    total = low.register(f"{name}.expected", total, "step", f"{name} expected", clause.span, name)
    ratio = expressions.operate(low, "/", rate.numerator, total, clause.span)
    if ratio is None:
        return False
    ratio = only_reportable(low, name, block, ratio)
    if ratio is None:
        return False
    oe = low.register(f"{name}.oe", ratio, "amount", f"{name} observed to expected", clause.span, name)
    low.also(name, oe)
    return _behind(low, name, block, Sample("ratio", rate.numerator, total, oe), "oe")


# Means -----------------------------------------------------------------------------------------------------------------


def _mean(low: Lowering, name: str, block: ast.Block, population: Population) -> bool:
    """`name.mean`, of the rows that count: their total is `.numerator`, their number `.denominator`."""
    clause = one(low, block, "mean")
    table = population.table if block.source is None else member_table(low, block.source)
    if clause is None or table is None:
        return False
    assert clause.argument is not None
    value = rows.lower_row(low, table, clause.argument)
    if value is None:
        return False
    if not value.type.numeric:
        low.error("kind-mismatch", "`mean` needs numbers", clause.argument.span, "name a column of numbers or amounts")
        return False
    placed = marked(low, name, block, population, table, block.per)
    if placed is None:
        return False
    counted, words = placed
    expr = value.expr
    square = rows.Row(RowExpr("*", (expr, expr), scale=2 * expr.scale, origin=clause.span), Type(Kind.NUMBER))
    case = rows.Row(RowExpr("const", value=1, origin=clause.span), Type(Kind.COUNT, EVENT))
    summed = [Summed("numerator", value), Summed("denominator", case), Summed("squares", square)]
    sums = added_up(low, name, block, counted, words, summed)
    grain = low.settled | set(words)
    for found in sums:
        _register_plain(low, name, found, grain, clause)
    total, size = low.values[f"{name}.numerator"], low.values[f"{name}.denominator"]
    n = shrinkage.plain(low, size, clause.span)
    mean = expressions.operate(low, "/", total, n, clause.span)
    mean = None if mean is None else only_reportable(low, name, block, mean)
    if mean is None:
        return False
    kept = low.type(total)
    mean = low.emit(nodes.Alias(), (mean,), replace(low.type(mean), kind=kept.kind, shown=kept.shown), clause.span)
    mean = low.register(f"{name}.mean", mean, "amount", f"{name} mean", clause.span, name)
    low.also(name, mean)
    low.also(f"{name}.rate", mean)
    around = _around_mean(low, low.values[f"{name}.squares"], total, n, clause.span)
    less = expressions.operate(low, "-", n, low.constant(Fraction(1), dimensionless(), clause.span), clause.span)
    variance = None if around is None or less is None else expressions.operate(low, "/", around, less, clause.span)
    if variance is None:
        return False
    variance = low.register(f"{name}.variance", variance, "step", f"{name} variance", clause.span, name)
    return _behind(low, name, block, Sample("mean", total, size, mean, variance=variance), "mean")


def _register_plain(low: Lowering, name: str, counted: Counted, grain: Grain, clause: ast.Step) -> None:
    """A sum of a mean, in the kind and unit of its rows."""
    type_ = Type(counted.type.kind, counted.type.unit, grain, step=Fraction(1, 10**counted.scale))
    cell = low.emit(nodes.Cell(counted.table, counted.word), (), type_, clause.span)
    low.register(f"{name}.{counted.word}", cell, "input", f"{name} {counted.word}", clause.span, name, counted.word)


def _around_mean(low: Lowering, squares: Ref, total: Ref, n: Ref, span: Span) -> Ref | None:
    """The sum of squares around the mean: `sum(x^2) - sum(x)^2 / n`."""
    plain = shrinkage.plain(low, total, span)
    square = expressions.operate(low, "*", plain, plain, span)
    part = None if square is None else expressions.operate(low, "/", square, n, span)
    return None if part is None else expressions.operate(low, "-", squares, part, span)


# Supplied rates --------------------------------------------------------------------------------------------------------


def _behind_supplied(low: Lowering, name: str, block: ast.Block) -> bool:
    wanted = next((s for s in block.steps if s.word in ("shrink", "interval")), None)
    if wanted is None:
        return improved(low, name, block, low.values[f"{name}.rate"])
    size = low.values.get(f"{name}.denominator")
    if size is None:
        one(low, block, "denominator")
        return False
    rate = low.values[f"{name}.rate"]
    if low.type(rate).kind is not Kind.PERCENT:
        low.error(
            "unsupported",
            f"`{wanted.word}` of a supplied rate needs a percentage",
            wanted.span,
            "declare the column `percent`",
        )
        return False
    numerator = expressions.operate(low, "*", rate, size, wanted.span)
    return numerator is not None and _behind(low, name, block, Sample("proportion", numerator, size, rate), "rate")


# What stands behind the rate -------------------------------------------------------------------------------------------


def _behind(low: Lowering, name: str, block: ast.Block, sample: Sample, of: str) -> bool:
    """`improvement`, `shrink` and `interval`."""
    if not improved(low, name, block, sample.rate):
        return False
    for clause in block.steps:
        if clause.word == "shrink" and not _shrink(low, name, block, clause, sample):
            return False
        if clause.word == "interval" and not interval(low, name, clause, sample, of):
            return False
    return True


def improved(low: Lowering, name: str, block: ast.Block, rate: Ref) -> bool:
    """`improvement` in the direction that `better` states; reports one without a direction."""
    clause = next((s for s in block.steps if s.word == "improvement"), None)
    better = next((s for s in block.steps if s.word == "better"), None)
    if clause is None:
        return True
    if better is None or not isinstance(better.argument, ast.Name):
        low.error(
            "missing-clause",
            f"`{name}` does not say which way it improves",
            clause.span,
            "add a line `better higher` or `better lower`",
            fixes=[remedies.new_line(block, "better higher")],
        )
        return False
    if better.argument.text == "higher":
        return improvement(low, name, block, rate, None)
    type_ = Type(Kind.NUMBER, step=Fraction(1))
    return improvement(low, name, block, rate, low.constant(Fraction(-1), type_, better.span))


def _shrink(low: Lowering, name: str, block: ast.Block, clause: ast.Step, sample: Sample) -> bool:
    """`name.shrunk`, `name.reliability` and `name.between_variance`."""
    span = clause.span
    toward = clause.get("toward")
    own = isinstance(toward, ast.Text) and toward.value == "own"
    over = tuple(n.text for n in block.per) if own else ("network",)
    if not over:
        low.error(
            "grain-mismatch",
            f"`{name}` has one rate for each {low.scope.unit}: it is its own overall rate",
            span,
            f"write `measure {name} … per CATEGORY`, or shrink toward `network`",
            fixes=[edits.instead(toward.span, "network")] if toward is not None else [],
        )
        return False
    if isinstance(toward, ast.Text):
        prior: Ref | None = _overall(low, sample, over, span)
    else:
        assert toward is not None
        prior = _stated(low, toward, sample)
    if prior is None:
        return False
    noise = _noise(low, sample, prior, over, span)
    if noise is None:
        return False
    known = not isinstance(toward, ast.Text)
    size = sample.exposure
    found = shrinkage.shrink(low, sample.rate, size, prior, noise, over, known=known, span=span)
    if found is None:
        return False
    low.register(f"{name}.between_variance", found.between, "step", f"{name} variance between", span, name)
    low.register(f"{name}.reliability", found.reliability, "step", f"{name} reliability", span, name)
    low.register(f"{name}.shrunk", found.rate, "step", f"{name} shrunk", span, name)
    return True


def _overall(low: Lowering, sample: Sample, over: tuple[str, ...], span: Span) -> Ref | None:
    """The rate of all rows together, in the unit of the rate."""
    n = shrinkage.plain(low, sample.exposure, span)
    y = shrinkage.plain(low, sample.rate, span)
    weighed = emit_aggregate(low, "mean", over, y, span, weight=n)
    like = low.type(sample.rate)
    return low.emit(
        nodes.Alias(), (weighed,), replace(low.type(weighed), kind=like.kind, unit=like.unit, shown=like.shown), span
    )


def _stated(low: Lowering, toward: ast.Expr, sample: Sample) -> Ref | None:
    ref = expressions.numeric(low, toward, "`shrink toward`")
    if ref is None:
        return None
    like = low.type(sample.rate)
    bare = low.type(ref).literal and not like.unit.powers
    if low.type(ref).unit != like.unit and not bare:
        low.error(
            "unit-mismatch",
            "the prior has another unit than the rate",
            toward.span,
            "write it in the unit of the rate",
        )
        return None
    if low.type(ref).grain & (low.type(sample.rate).grain - low.settled) or low.scope.unit in low.type(ref).grain:
        low.error(
            "grain-mismatch",
            "the prior is one for all rows that are shrunk",
            toward.span,
            "state one value, or write `own overall rate` or `network`",
        )
        return None
    return ref


def _noise(low: Lowering, sample: Sample, prior: Ref, over: tuple[str, ...], span: Span) -> Ref | None:
    """The variance of one case, in plain numbers."""
    p = shrinkage.plain(low, prior, span)
    match sample.kind:
        case "proportion":
            return shrinkage.proportion_noise(low, prior, span)
        case "count":
            factor = low.constant(sample.factor, dimensionless(), span)
            return p if sample.factor == 1 else expressions.operate(low, "*", p, factor, span)
        case "ratio":
            return p
        case _:
            return _pooled_variance(low, sample, over, span)


def _pooled_variance(low: Lowering, sample: Sample, over: tuple[str, ...], span: Span) -> Ref | None:
    """Within the rows, over all of them: sums of squares over degrees of freedom."""
    assert sample.variance is not None
    n = shrinkage.plain(low, sample.exposure, span)
    free = expressions.operate(low, "-", n, low.constant(Fraction(1), dimensionless(), span), span)
    return None if free is None else emit_aggregate(low, "mean", over, sample.variance, span, weight=free)
