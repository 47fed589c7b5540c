"""`equity`: gaps between strata of members, against the group's own history, and what closing them is worth.

The rates of each stratum are those of the measures that the block names, added up under the stratum of each member. The
gap of a year is held against that of the baseline over the same strata: one that is not reportable in either year is
dropped in both. What closed by decline earns nothing: that is what `guard` says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import (
    calls,
    expressions,
    gap_intervals,
    gaps,
    guards,
    pipeline,
    remedies,
    scales,
    strata,
    stratum_rates,
)
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.plan.lowering.gaps import Strata
from contractlang.plan.lowering.measures import MeasureSet
from contractlang.plan.lowering.reduction import Population, grain, one
from contractlang.plan.lowering.spending import population_of
from contractlang.plan.lowering.stratum_rates import ASIDE, WORDS, Equity
from contractlang.semantics import typing
from contractlang.semantics.types import EVENT, MEMBER, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State

SEVERAL = frozenset({"guard", "exclude"})
"""Clauses that may stand several times."""

OUTSIDE = "not one of the measures of the comparison"


def lower_equity(low: Lowering, name: str, block: ast.Block) -> bool:
    """Register the values of the block; False after a report."""
    population = population_of(low, block)
    if population is None or not _clauses(low, block):
        return False
    found = strata.dimension(low, block, population)
    measured = None if found is None else _measured(low, block, population)
    if found is None or measured is None:
        return False
    source, chosen, labels = measured
    words = tuple(n.text for n in source.per)
    key = None if chosen is None else chosen.key
    if strata.count(low, name, block, source, words, key, found, population) is None:
        return False
    falls = _falls(source, chosen, labels)
    if falls is None:
        low.error(
            "missing-clause",
            f"`{source.name}` does not say which rate is better",
            block.span,
            "write `better higher` or `better lower` in the measure, or a column `lower_is_better` in the set",
            fixes=[remedies.new_line(source, "better higher")] if chosen is None else [],
        )
        return False
    own = Strata(found.key, found.labels, key, falls if chosen is not None else (), chosen is None and bool(falls))
    settled = grain(low, words) | (frozenset() if key is None else {key})
    made = Equity(low, name, block, own, settled, _within(low, chosen, labels, block.span))
    _cells(made, found)
    clause = made.clause("gap")
    assert clause is not None
    if not gaps.checked(low, clause, own) or not stratum_rates.values(made):
        return False
    return _gaps(made) and _completeness(made, population, found) and _reward(made)


def _clauses(low: Lowering, block: ast.Block) -> bool:
    """Each clause once, and those without which the block says too little."""
    needed = {
        "measures": "measures SET",
        "stratum": "stratum reportable when denominator >= 30 events",
        "gap": "gap between_group_variance, mix frozen at baseline",
        "compare": f"compare own baseline {low.term_years[0] - 1}",
        "guard": "guard every stratum at least its baseline rate",
    }
    words = [s.word for s in block.steps]
    for word, example in needed.items():
        if word not in words:
            low.error(
                "missing-clause",
                f"equity `{block.name}` has no `{word}` clause",
                block.span,
                f"write `{example}`",
                fixes=[remedies.new_line(block, example)] if word != "measures" else [],
            )
            return False
    return all(one(low, block, word) is not None for word in dict.fromkeys(words) if word not in SEVERAL)


# Measures ------------------------------------------------------------------------------------------------------------


def _measured(
    low: Lowering, block: ast.Block, population: Population
) -> tuple[ast.Block, MeasureSet | None, tuple[str, ...]] | None:
    """The measure or set whose rows are put into strata, and the labels that count of a set."""
    clause = one(low, block, "measures")
    if clause is None:
        return None
    names, of = clause.names("measures"), clause.get("of")
    whole = of if isinstance(of, ast.Name) else names[0]
    item = low.scope.items.get(whole.text)
    if not isinstance(item, ast.Block) or item.kind not in ("measure", "measures", "rate"):
        known = [n for n, i in low.scope.items.items() if isinstance(i, ast.Block) and i.kind.startswith("measure")]
        low.scope.unknown(whole, known, "measure or set of measures")
        return None
    low.used.add(whole.text)
    if whole.text in low.broken:
        return None
    if item.subject is None or item.subject.text != population.name:
        low.error(
            "unsupported",
            f"`{whole.text}` is not counted over the members of `{population.name}`",
            whole.span,
            f"name measures `of {population.name}`",
        )
        return None
    found = low.sets.get(whole.text)
    if of is None and len(names) > 1:
        low.error(
            "unsupported", "several measures are compared as a set", names[1].span, "write `measures a, b of SET`"
        )
        return None
    if of is None:
        return item, found, () if found is None else found.labels
    if found is None:
        low.scope.unknown(whole, list(low.sets), "set of measures")
        return None
    for name in names:
        if name.text not in found.labels:
            low.scope.unknown(name, list(found.labels), f"measure of `{found.name}`")
            return None
    return item, found, tuple(n.text for n in names)


def _falls(source: ast.Block, chosen: MeasureSet | None, labels: tuple[str, ...]) -> tuple[str, ...] | None:
    """The measures for which lower is better; None where the contract does not say."""
    if chosen is not None:
        if not chosen.gates and "lower_is_better" not in chosen.table.columns:
            return None
        return tuple(label for label in chosen.falling if label in labels)
    better = next((s.argument for s in source.steps if s.word == "better"), None)
    if not isinstance(better, ast.Name):
        return None
    return (source.name,) if better.text == "lower" else ()


def _within(low: Lowering, chosen: MeasureSet | None, labels: tuple[str, ...], span: Span) -> Callable[[Ref], Ref]:
    """Makes a value not applicable for measures that are not compared."""
    if chosen is None:
        return lambda ref: ref
    keys = frozenset({chosen.key})

    def inside(ref: Ref) -> Ref:
        key = low.emit(nodes.Key(chosen.key), (), Type(Kind.CATEGORY, scheme=chosen.key, grain=keys), span)
        among = low.emit(nodes.Among(labels), (key,), replace(FLAG, grain=keys), span)
        type_ = low.type(ref)
        outside = low.absent(State.NOT_APPLICABLE, OUTSIDE, type_, span)
        type_ = replace(type_, grain=type_.grain | keys, absent=type_.absent | {State.NOT_APPLICABLE})
        return low.emit(nodes.Choose(), (among, ref, outside), type_, span)

    return inside


def _cells(made: Equity, found: strata.Dimension) -> None:
    """Counts per stratum as the reduce stage gives them."""
    low, span = made.low, made.block.span
    output = next(o for o in low.outputs if o.table == made.name)
    scales = {word: scale for word, _, scale in output.columns}
    units = {"numerator": EVENT, "denominator": EVENT, "persons": MEMBER, "squares": EVENT * EVENT / MEMBER}
    for word in WORDS:
        type_ = Type(Kind.COUNT, units[word], made.grain | made.strata.keys, step=Fraction(1, 10 ** scales[word]))
        cell = made.inside(low.emit(nodes.Cell(made.name, word), (), type_, span))
        made.now[word] = made.register(word, cell, ASIDE if word == "squares" else "input", word, found.clause.span)


# Gaps and improvement ------------------------------------------------------------------------------------------------


def _gaps(made: Equity) -> bool:
    low, clause, own = made.low, made.clause("gap"), made.strata
    assert clause is not None
    span = clause.span
    mix = stratum_rates.mix(made, clause)
    compared = stratum_rates.compared(made, stratum_rates.after_shrinking(made, clause), mix, span)
    found: dict[str, Ref] = {}
    for word, label, rates, counts in (
        ("gap", "gap", compared.now, made.now),
        ("baseline_gap", "gap at baseline", compared.base, made.base),
    ):
        names = {"rate": rates.rate, "mix": rates.mix, **{w: counts[w] for w in ("numerator", "denominator")}}
        ref = gaps.gap(low, clause, own, rates, names)
        if ref is None:
            return False
        ref = made.inside(guards.all_reported(made, guards.of_several(made, ref, compared, span), compared, span))
        found[word] = made.register(word, ref, "step", label, span)
        mean = made.inside(gaps.over(low, own, "mean", rates.rate, span, rates.mix))
        made.register(word.replace("gap", "overall"), mean, "step", label.replace("gap", "overall rate"), span)
    if not gap_intervals.interval(made, clause, stratum_rates.compared(made, "observed", mix, span)):
        return False
    guarded = guards.guards(made, clause, compared)
    if guarded is None:
        return False
    guard, credited = guarded
    closed = _closed(made, found["baseline_gap"], found["gap"] if credited is None else credited, span)
    closed = made.register("closed", closed, "step", "part of the gap that closed", span)
    bounded = low.emit(
        nodes.Extreme("min"), (gaps.not_below_zero(low, closed, span), gaps.one(low, span)), low.type(closed), span
    )
    none = pipeline.zero_like(low, bounded, span)
    guarded_share = bounded if guard is None else made.choose(guard, bounded, none, span)
    earned = _sustained(made, guarded_share, guard, found)
    if earned is None:
        return False
    made.now["improvement"] = made.register("improvement", earned, "amount", "improvement", made.block.span)
    low.also(made.name, made.now["improvement"])
    made.now |= found
    return True


def _closed(made: Equity, before: Ref, now: Ref, span: Span) -> Ref:
    low = made.low
    return gaps.as_percent(low, gaps.divided(low, gaps.minus(low, before, now, span), before, span), span)


def _sustained(made: Equity, own: Ref, guard: Ref | None, found: dict[str, Ref]) -> Ref | None:
    """`sustain while CONDITION`: the highest improvement so far is kept while the condition holds, and the guard.

    `attained_gap` is the smallest gap since then.
    """
    clause = made.clause("sustain")
    if clause is None:
        return own
    low, span = made.low, clause.span
    assert clause.argument is not None
    own = made.register("earned", own, "step", "improvement of the year", span)
    kept = _carried(made, "improvement", own, pipeline.zero_like(low, own, span), span)
    reached = _carried(made, "attained_gap", found["gap"], found["baseline_gap"], span)
    with low.local(made.name):
        low.locals |= {"attained_gap": reached, "improvement": own, "gap": found["gap"]}
        condition = expressions.flag(low, clause.argument)
    if condition is None:
        return None
    parts = [condition] if guard is None else [guard, condition]
    types = [low.type(r) for r in parts]
    type_ = replace(FLAG, grain=typing.union(types), absent=typing.absences(types))
    holds = low.emit(nodes.Logic("and"), tuple(parts), type_, span)
    smallest, highest = _extreme(low, "min", reached, found["gap"], span), _extreme(low, "max", kept, own, span)
    attained = made.choose(holds, smallest, found["gap"], span)
    made.register("attained_gap", attained, "step", "gap that was attained", span)
    return made.choose(holds, highest, own, span)


def _extreme(low: Lowering, op: str, a: Ref, b: Ref, span: Span) -> Ref:
    types = [low.type(a), low.type(b)]
    grain, absent = typing.union(types), typing.absences(types)
    return low.emit(nodes.Extreme(op), (a, b), replace(types[1], grain=grain, absent=absent, step=None), span)


def _carried(made: Equity, word: str, like: Ref, start: Ref, span: Span) -> Ref:
    """A value of the period before; the start where there was none."""
    low, name = made.low, f"{made.name}.{word}"
    type_ = low.assumed.get(name, replace(low.type(like), step=None))
    previous = low.emit(nodes.Previous(name, 1), (start,), replace(type_, absent=type_.absent | {State.MISSING}), span)
    known = low.emit(nodes.Fallback(missing=True), (previous, start), type_, span)
    absent = low.type(start).absent
    return low.emit(nodes.Fallback(missing=False), (known, start), replace(type_, absent=absent), span)


# Reward --------------------------------------------------------------------------------------------------------------


def _completeness(made: Equity, population: Population, found: strata.Dimension) -> bool:
    clause = made.clause("completeness")
    if clause is None:
        return True
    low = made.low
    table = strata.complete(low, made.name, clause, population, found)
    if table is None:
        return False
    cells = [
        low.emit(
            nodes.Cell(table, word),
            (),
            Type(Kind.COUNT, MEMBER, grain(low, population.per), step=Fraction(1)),
            clause.span,
        )
        for word in ("answered", "asked")
    ]
    answered = made.register("answered", cells[0], "input", "members with an answer", clause.span)
    asked = made.register("asked", cells[1], "input", "members asked", clause.span)
    share = gaps.as_percent(low, gaps.divided(low, answered, asked, clause.span), clause.span)
    made.register("completeness", share, "step", "completeness", clause.span)
    return True


def _reward(made: Equity) -> bool:
    clause = made.clause("reward")
    if clause is None:
        return True
    low = made.low
    with low.local(made.name):
        if clause.scale is not None:
            name = f"{made.name}.reward"
            written = replace(clause.scale, name=name)
            scale = scales.lower_scale(low, name, written)
            if scale is None:
                return False
            low.scales[name] = scale
            argument = ast.Name((written.parameter,), span=clause.scale.span)
            ref: Ref | None = calls.scaled(low, ast.Call(argument, (argument,), span=clause.scale.span), name)
        else:
            assert clause.argument is not None
            ref = expressions.numeric(low, clause.argument, "`reward`")
    if ref is None:
        return False
    if made.strata.key in low.type(ref).grain:
        low.too_fine(ref, clause.argument or ast.Name((made.name,), span=clause.span), "the reward", [made.strata.key])
        return False
    made.register("reward", ref, "step", "reward", clause.span)
    return True
