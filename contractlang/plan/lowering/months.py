"""Values of the months inside a settled year (or the quarters, the half years): counts of members, and definitions.

Where an expression varies by month it is evaluated for each month: schedules with dates and the members of a population
are those of the month. Everything else keeps its grain: a value of the year is the same in each of its months.
"""

from __future__ import annotations

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix, Sink
from contractlang.plan import nodes, relations
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.reduction import (
    MEMBER_KEY,
    MONTHS,
    Population,
    column,
    grain,
    key_columns,
    period_named,
    settlement_keys,
    step,
)
from contractlang.semantics.scope import CADENCES, PERIODS
from contractlang.semantics.types import Grain
from contractlang.source import Span
from contractlang.syntax import ast

WHOLE = -1
"""In place of a node: the value of the whole settlement period is meant."""

MOMENT = "settled_moment"
"""The reduce column with the shorter period of a row."""


def cadence_word(low: Lowering, item: ast.Define | ast.Payment) -> str | None:
    """The shorter period that a cadence names; None where there is none or it names the settlement period.

    Raises ValueError after the report of a cadence longer than the settlement period.
    """
    word = CADENCES[item.cadence] if item.cadence else low.scope.period
    if word == low.scope.period:
        return None
    if low.scope.inside(word):
        return word
    assert item.cadence is not None
    low.error(
        "grain-mismatch",
        f"`{item.name}` is {item.cadence}, and the contract settles per {low.scope.period}",
        edits.word_in(item.span, item.cadence),
        f"a {word} is longer than a {low.scope.period}: leave `{item.cadence}` out, or settle per {word}",
        fixes=[without_cadence(item)],
    )
    raise ValueError(word)


def without_cadence(item: ast.Define | ast.Payment) -> Fix:
    """The item without its cadence."""
    assert item.cadence is not None
    word = edits.word_in(item.span, item.cadence)
    return edits.instead(Span(word.file, word.start - 1, word.end), "", f"leave `{item.cadence}` out")


def lower_definition(low: Lowering, item: ast.Define) -> Ref | None:
    """The value of a definition, for each shorter period where it says so or varies by one."""
    try:
        return lower_timed(low, item.body, cadence_word(low, item))
    except ValueError:
        return None


def lower_timed(low: Lowering, body: ast.Body, word: str | None) -> Ref | None:
    """A body, for each shorter period `word`; without one, for those by which the body turns out to vary."""
    if word is not None:
        with low.within(word):
            ref = expressions.lower_body(low, body)
        return None if ref is None else _spread(low, ref, word, body.span)
    outer, before = low.sink, low.coarse
    kept = [(part, len(part)) for part in (low.steps, low.outputs, low.accounts, low.case_tables, low.conditions)]
    low.sink = low.scope.sink = found = Sink()
    try:
        ref = expressions.lower_body(low, body)
    finally:
        low.sink = low.scope.sink = outer
    varies = low.shorter(low.type(ref).grain) if ref is not None and low.coarse != before else []
    if len(varies) == 1:
        for part, length in kept:
            del part[length:]
        return lower_timed(low, body, varies[0])
    outer.extend(found)
    return ref


def _spread(low: Lowering, ref: Ref, word: str, span: Span) -> Ref:
    """A value with one entry for each shorter period, also where all are the same."""
    type_ = low.type(ref)
    if word in type_.grain:
        return ref
    return low.emit(nodes.Alias(), (ref,), type_.at(type_.grain | low.timed({word})), span)


def counted(low: Lowering, name: str, rest: tuple[str, ...], span: Span) -> Ref | None:
    """`panel.member_months` or `panel.members` of the shorter period that is evaluated, or `WHOLE`."""
    population = low.populations[name]
    if len(rest) != 1 or rest[0] not in ("member_months", "members"):
        return WHOLE
    if not reads_rows(low, population, span):
        return None
    if low.inside is None:
        return WHOLE
    table = _totals(low, population, low.inside, span)
    whole = low.type(low.values[f"{name}.{rest[0]}"])
    return low.emit(nodes.Cell(table, rest[0]), (), whole.at(grain_of(low, population)), span)


def _totals(low: Lowering, population: Population, word: str, span: Span) -> str:
    """The table with member-months and members by shorter period; made once."""
    name, scale = f"{population.name}.by_{word}", population.months_scale
    if any(output.table == name for output in low.outputs):
        return name
    source = placed(low, population, population.counted, f"{name}.rows", span)
    totals = (
        relations.Measure("member_months", "sum", column(MONTHS, scale=scale)),
        relations.Measure("members", "count_distinct", column(MEMBER_KEY, "text")),
    )
    step(low, name, relations.Group(source, columns_of(low, population), totals), span, f"member-months by {word}")
    columns = (("member_months", "member_months", scale), ("members", "members", 0))
    empty = ("member_months", "members")
    low.outputs.append(relations.Output(name, name, keys_of(low, population), columns, empty))
    return name


# Keys of what is added up over rows ------------------------------------------------------------------------------------


def placed(low: Lowering, population: Population, source: str, name: str, span: Span) -> str:
    """The rows with the shorter period that is evaluated; the rows themselves where none is."""
    if low.inside is None:
        return source
    moment = period_named(low, population.moment, low.inside, span)
    return step(low, name, relations.Derive(source, ((MOMENT, moment),)), span, f"the {low.inside} of each row")


def columns_of(low: Lowering, population: Population) -> tuple[str, ...]:
    """The reduce columns of the keys by which a total of rows varies."""
    return (*key_columns(population.per), *((MOMENT,) if low.inside else ()))


def keys_of(low: Lowering, population: Population) -> tuple[tuple[str, str], ...]:
    """Those keys, with their reduce columns."""
    return (*settlement_keys(low, population.per), *(((low.inside, MOMENT),) if low.inside else ()))


def grain_of(low: Lowering, population: Population) -> Grain:
    """Those keys, as the grain of the total."""
    return grain(low, population.per) | (low.timed({low.inside}) if low.inside else frozenset())


def reads_rows(low: Lowering, population: Population, span: Span) -> bool:
    """Whether rows can be added up here; reports rows of longer periods than the one that is evaluated."""
    low.coarse += low.inside is None
    if low.inside is None or PERIODS[population.moment] <= PERIODS[low.inside]:
        return True
    low.error(
        "grain-mismatch",
        f"`{population.name}` counts rows per {population.moment}, this place is evaluated for each {low.inside}",
        span,
        f"read it for the whole {low.scope.period} in a `define` of its own",
    )
    return False
