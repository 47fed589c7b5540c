"""`measure` and `measures`: rates as sum over sum, one by one or as a set with weights and gates.

A set has the values of its measures at the grain of the category that keys its table: `ambulatory.rate` varies by
`measure`. Measures outside the set are not applicable there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from contractlang.plan import nodes, relations
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, pipeline, rows
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.lookups import with_lookups
from contractlang.plan.lowering.reduction import (
    MEMBER_KEY,
    PERIOD,
    UNIT,
    Population,
    account,
    all_columns,
    column,
    key_columns,
    mark,
    member_keys,
    member_table,
    missing,
    one,
    per_column,
    per_keys,
    period_of,
    reasons,
    settlement_keys,
    step,
    text,
)  # fmt: skip
from contractlang.plan.lowering.spending import population_of
from contractlang.plan.relations import RowExpr
from contractlang.semantics.model import TableSchema
from contractlang.semantics.terms import TermsTable, terms_table
from contractlang.semantics.types import EVENT, NONE, Grain, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, State

OUTSIDE = "not one of its measures"
WIDE = frozenset({"numerator", "denominator"})
"""Columns of a set's table that name a column of the input for each measure."""


@dataclass(frozen=True, slots=True)
class MeasureSet:
    """A lowered set: its key category, its labels, its table of terms, and the number of gates."""

    name: str
    key: str
    labels: tuple[str, ...]
    table: TermsTable
    gates: int
    falling: tuple[str, ...]  # measures for which lower is better


def lower_measure(low: Lowering, name: str, block: ast.Block) -> bool:
    """One measure at settlement grain: `name.numerator`, `.denominator`, `.rate`."""
    population = population_of(low, block)
    if population is None:
        return False
    names = block.per
    sums = _counted(low, name, block, population, names)
    if sums is None:
        return False
    return _values(low, name, block, sums, low.settled | {n.text for n in names}, lambda rate: rate)


def lower_measures(low: Lowering, name: str, block: ast.Block) -> bool:
    """A set of measures with its table; registers its values and remembers the set for `quality`."""
    assert block.table is not None
    wide = set(block.table.header) >= WIDE
    found = _set(low, name, _without_columns(block.table, WIDE) if wide else block.table)
    if found is None:
        return False
    table = None if block.source is None else low.declared.inputs.get(block.source.text)
    grain = low.settled | {found.key} | {n.text for n in block.per}
    inside = within_set(low, found, block.table.span)
    if table is not None and not table.member_level:
        ok = _supplied(low, name, block, table, grain, inside)
    else:
        population = population_of(low, block)
        key = ast.Name((found.key,), span=block.table.span)
        if population is None:
            return False
        if wide:
            sums = _counted_wide(low, name, block, population, found)
        else:
            sums = _counted(low, name, block, population, (*block.per, key))
        ok = sums is not None and _values(low, name, block, sums, grain, inside)
    if not ok:
        return False
    for word, terms in found.table.columns.items():
        rows_ = tuple(
            nodes.TermsRow(pattern, value, span)
            for pattern, value, span in zip(found.table.patterns, terms.values, terms.spans, strict=True)
        )
        outside = nodes.TermsRow((None,), Absent(State.NOT_APPLICABLE, OUTSIDE), block.span)
        absent = terms.type.absent | {State.NOT_APPLICABLE}
        type_ = replace(terms.type, grain=frozenset({found.key}), absent=absent)
        node = low.emit(
            nodes.Terms(name, word, (*rows_, outside)), (_key(low, found.key, block.span),), type_, block.span
        )
        low.register(f"{name}.{word}", node, "parameter", f"{name} {word.replace('_', ' ')}", block.table.span, name)
    low.sets[name] = found
    return True


def _key(low: Lowering, key: str, span: Span) -> Ref:
    return low.emit(nodes.Key(key), (), Type(Kind.CATEGORY, scheme=key, grain=frozenset({key})), span)


def within_set(low: Lowering, found: MeasureSet, span: Span) -> Callable[[Ref], Ref]:
    """Makes a value not applicable for measures outside the set."""

    def inside(ref: Ref) -> Ref:
        key = _key(low, found.key, span)
        flag = Type(Kind.FLAG, grain=frozenset({found.key}))
        among = low.emit(nodes.Among(found.labels), (key,), flag, span)
        outside = low.absent(State.NOT_APPLICABLE, OUTSIDE, low.type(ref), span)
        type_ = low.type(ref)
        type_ = replace(type_, grain=type_.grain | {found.key}, absent=type_.absent | {State.NOT_APPLICABLE})
        return low.emit(nodes.Choose(), (among, ref, outside), type_, span)

    return inside


# The table of a set --------------------------------------------------------------------------------------------------


def _set(low: Lowering, name: str, written: ast.Terms) -> MeasureSet | None:
    table = terms_table(low.scope, name, written, low.sink, whole=False)
    if table is None:
        return None
    labels = tuple(p[0] for p in table.patterns if isinstance(p[0], str))
    gates = [word for word in table.columns if word.startswith("gate_")]
    if gates != [f"gate_{i}" for i in range(1, len(gates) + 1)]:
        low.error(
            "gates-out-of-order",
            f"the gates of `{name}` are not numbered 1, 2, 3 …",
            written.span,
            "number the columns from `gate 1` on",
        )
        return None
    falling: list[str] = []
    for row, pattern in enumerate(table.patterns):
        values = [table.columns[g].values[row] for g in gates]
        direction = _direction(low, values, str(pattern[0]), table.spans[row]) if gates else 1
        if direction is None:
            return None
        better = table.columns.get("lower_is_better")
        if better is not None and gates and better.values[row] is not (direction < 0):
            low.error(
                "direction-contradicts-gates",
                f"the gates of `{pattern[0]}` {'fall' if direction < 0 else 'rise'}, but lower is {'' if better.values[row] else 'not '}better",
                table.spans[row],
                "turn the gates round, or correct `lower_is_better`",
            )
            return None
        if direction < 0 or (better is not None and better.values[row] is True):
            falling.append(str(pattern[0]))
    return MeasureSet(name, table.keys[0], labels, table, len(gates), tuple(falling))


def _direction(low: Lowering, values: Sequence[object], label: str, span: Span) -> int | None:
    numbers = [v for v in values if isinstance(v, Fraction)]
    if len(numbers) == len(values):
        pairs = list(pairwise(numbers))
        if all(a < b for a, b in pairs):
            return 1
        if all(a > b for a, b in pairs):
            return -1
    low.error(
        "gates-out-of-order",
        f"the gates of `{label}` neither rise nor fall",
        span,
        "write every gate further than the one before",
    )
    return None


# Counting member rows ------------------------------------------------------------------------------------------------


def _counted(
    low: Lowering, name: str, block: ast.Block, population: Population, per: tuple[ast.Name, ...]
) -> list[tuple[str, rows.Row]] | None:
    """Add numerators and denominators up.

    Rows of the population's own table count for their own unit, rows of another table for that of the member's last
    month of the period.
    """
    table = population.table
    if block.source is not None:
        found = member_table(low, block.source)
        if found is None:
            return None
        table = found
    numerator, denominator = one(low, block, "numerator"), one(low, block, "denominator")
    if numerator is None or denominator is None:
        return None
    sums: list[tuple[str, rows.Row]] = []
    for word, clause in (("numerator", numerator), ("denominator", denominator)):
        assert clause.argument is not None
        found_row = rows.lower_row(low, table, clause.argument)
        if found_row is None:
            return None
        sums.append((word, rows.counted(found_row)))
    placed = _marked(low, name, block, population, table, per)
    if placed is None:
        return None
    counted, words = placed
    span = block.span
    derived = relations.Derive(counted, tuple((c, r.expr) for c, r in sums))
    step(low, f"{name}.values", derived, span, "numerator and denominator of each row")
    measures = tuple(relations.Measure(c, "sum", column(c, scale=r.expr.scale)) for c, r in sums)
    step(low, f"{name}.totals", relations.Group(f"{name}.values", key_columns(words), measures), span, "sum over sum")
    columns = tuple((c, c, r.expr.scale) for c, r in sums)
    keys_out = settlement_keys(low, words)
    low.outputs.append(relations.Output(name, f"{name}.totals", keys_out, columns, tuple(c for c, _ in sums)))
    account(low, name, words, span)
    return sums


def _marked(
    low: Lowering, name: str, block: ast.Block, population: Population, table: TableSchema, per: tuple[ast.Name, ...]
) -> tuple[str, tuple[str, ...]] | None:
    """The step whose rows count, with their unit, period and further keys, and the names of these keys.

    A further key is a category of the table's rows or, if they have none, of the member's row in the population.
    """
    keys = member_keys(low, table, ast.Block(block.kind, name, (), span=block.span))
    left_out = reasons(low, table, block)
    own = table is population.table
    of_member = tuple(n for n in per if not own and not _has_category(table, n.text))
    by = per_keys(low, table, tuple(n for n in per if n not in of_member))
    by_member = per_keys(low, population.table, of_member)
    if keys is None or left_out is None or by is None or by_member is None:
        return None
    span = block.span
    source = population.counted if own else _joined(low, name, block, population, table, keys, by_member)
    source = with_lookups(low, source, table)
    if by:
        further = tuple((per_column(k), e) for k, e in by)
        source = step(low, f"{name}.keyed", relations.Derive(source, further), span, "further keys of each row")
    absent = [] if own else [missing(column(UNIT, "text")), text(f"member not in `{population.name}`")]
    counted = mark(low, name, source, [*left_out, *absent], span)
    return counted, tuple(n.text for n in per)


def _has_category(table: TableSchema, word: str) -> bool:
    named = any(k.name == word and k.role == "category" for k in table.keys)
    return named or any(c.type.kind is Kind.CATEGORY and c.type.scheme == word for c in table.columns)


def _counted_wide(
    low: Lowering, name: str, block: ast.Block, population: Population, found: MeasureSet
) -> list[tuple[str, rows.Row]] | None:
    """Measures in columns of their own: the table of the set names the numerator and denominator column of each."""
    assert block.table is not None
    table = population.table if block.source is None else member_table(low, block.source)
    if table is None:
        return None
    at = [block.table.header.index(word) for word in ("numerator", "denominator")]
    columns: list[tuple[str, RowExpr]] = []
    for label, row in zip(found.labels, block.table.rows, strict=True):
        for word, position in zip(("numerator", "denominator"), at, strict=True):
            cell = row.cells[position]
            if not isinstance(cell, ast.Name):
                low.error(
                    "kind-mismatch",
                    f"the {word} of `{label}` is the name of a column",
                    cell.span,
                    "name a flag or count of the input",
                )
                return None
            value = rows.lower_row(low, table, cell)
            if value is None:
                return None
            columns.append((f"{word}_{label}", rows.counted(value).expr))
    if len({e.scale for _, e in columns}) > 1:
        low.error("unsupported", "the columns of a set of measures must have the same decimals", block.table.span)
        return None
    placed = _marked(low, name, block, population, table, block.per)
    if placed is None:
        return None
    counted, words = placed
    span = block.span
    step(
        low,
        f"{name}.values",
        relations.Derive(counted, tuple(columns)),
        span,
        "numerators and denominators of each row",
    )
    measures = tuple(relations.Measure(c, "sum", column(c, scale=e.scale)) for c, e in columns)
    step(
        low,
        f"{name}.sums",
        relations.Group(f"{name}.values", key_columns(words), measures),
        span,
        "sum over sum, side by side",
    )
    parts: list[str] = []
    scale = columns[0][1].scale
    for label in found.labels:
        picked = (
            (per_column(found.key), text(label)),
            *((word, column(f"{word}_{label}", scale=scale)) for word in ("numerator", "denominator")),
        )
        parts.append(step(low, f"{name}.{label}", relations.Derive(f"{name}.sums", picked), span, f"sums of {label}"))
    total = parts[0]
    if len(parts) > 1:
        total = step(low, f"{name}.totals", relations.Union(tuple(parts)), span, "one row per measure")
    outs = tuple((word, word, scale) for word in ("numerator", "denominator"))
    low.outputs.append(
        relations.Output(name, total, settlement_keys(low, (*words, found.key)), outs, ("numerator", "denominator"))
    )
    account(low, name, words, span)
    return [
        (word, rows.Row(column(word, scale=scale), Type(Kind.COUNT, EVENT))) for word in ("numerator", "denominator")
    ]


def _without_columns(table: ast.Terms, words: frozenset[str]) -> ast.Terms:
    kept = [i for i, word in enumerate(table.header) if word not in words]
    cut = tuple(replace(row, cells=tuple(row.cells[i] for i in kept)) for row in table.rows)
    return replace(table, header=tuple(table.header[i] for i in kept), rows=cut)


def _joined(
    low: Lowering,
    name: str,
    block: ast.Block,
    population: Population,
    table: TableSchema,
    keys: tuple[str, str],
    further: tuple[tuple[str, RowExpr], ...],
) -> str:
    """Rows of another table with the unit of their member in the period: that of the last month that counts."""
    member, moment = keys
    span = block.span
    scan = step(low, f"{name}.scan", relations.Scan(table.name, all_columns(table)), span, f"rows of {table.name}")
    placed = ((PERIOD, period_of(low, moment)), (MEMBER_KEY, column(member, "text")))
    step(low, f"{name}.placed", relations.Derive(scan, placed), span, "member and period of each row")
    on = ((MEMBER_KEY, MEMBER_KEY), (PERIOD, PERIOD))
    added = ((UNIT, UNIT), *((str(e.value), per_column(k)) for k, e in further))
    join = relations.Join(f"{name}.placed", population.home, on, added, left=True)
    return step(low, f"{name}.joined", join, span, f"the unit of the member in {population.name}")


# Values --------------------------------------------------------------------------------------------------------------


def _values(
    low: Lowering,
    name: str,
    block: ast.Block,
    sums: list[tuple[str, rows.Row]],
    grain: Grain,
    inside: Callable[[Ref], Ref],
) -> bool:
    for word, row in sums:
        unit = row.type.unit if row.type.unit.powers else EVENT
        type_ = Type(Kind.COUNT, unit, grain, step=Fraction(1, 10**row.expr.scale))
        span = next((s.span for s in block.steps if s.word == word), block.span)
        cell = inside(low.emit(nodes.Cell(name, word), (), type_, span))
        low.register(f"{name}.{word}", cell, "input", f"{name} {word}", span, name, word)
    return _rate(low, name, block, low.values[f"{name}.numerator"], low.values[f"{name}.denominator"])


def _rate(low: Lowering, name: str, block: ast.Block, numerator: Ref, denominator: Ref) -> bool:
    """The principal value, where it is reportable."""
    scaled = next((s for s in block.steps if s.word == "rate_per"), None)
    rate = _ratio(low, numerator, denominator, scaled, block.span)
    if rate is None:
        return False
    reportable = next((s for s in block.steps if s.word == "reportable"), None)
    if reportable is not None:
        checked = _reportable(low, name, reportable, scaled, numerator, denominator, rate)
        if checked is None:
            return False
        rate = checked
    rate = low.register(f"{name}.rate", rate, "amount", f"{name} rate", block.span, name)
    low.also(name, rate)
    return True


def _ratio(low: Lowering, numerator: Ref, denominator: Ref, scaled: ast.Step | None, span: Span) -> Ref | None:
    """Sum over sum: a proportion, or a rate per so many units where the measure says `rate per 1_000 …`."""
    rate = expressions.operate(low, "/", numerator, denominator, span)
    if rate is None:
        return None
    if low.type(rate).kind is Kind.NUMBER and low.type(rate).unit == NONE:
        rate = low.emit(nodes.Alias(), (rate,), replace(low.type(rate), kind=Kind.PERCENT), span)
    if scaled is None or scaled.argument is None:
        return rate
    size = expressions.numeric(low, scaled.argument, "`rate per`")
    return None if size is None else expressions.operate(low, "*", rate, size, scaled.span)


def _reportable(
    low: Lowering,
    name: str,
    clause: ast.Step,
    scaled: ast.Step | None,
    numerator: Ref,
    denominator: Ref,
    rate: Ref,
) -> Ref | None:
    """`reportable when C [, pooling N years]`: else the same ratio of the sums of up to N periods, else not reportable."""
    written = clause.get("when")
    assert written is not None
    pooling = clause.get("pooling")
    years = int(pooling.value) if isinstance(pooling, ast.Number) else 1
    args: list[Ref] = []
    sums = [numerator, denominator]
    for back in range(years):
        if back:
            for i, word in enumerate(("numerator", "denominator")):
                earlier = _earlier(low, f"{name}.{word}", back, clause.span)
                total = expressions.operate(low, "+", sums[i], earlier, clause.span)
                if total is None:
                    return None
                sums[i] = total
        with low.local(name):
            low.locals |= {"numerator": sums[0], "denominator": sums[1]}
            condition = expressions.flag(low, written)
        value = rate if not back else _ratio(low, sums[0], sums[1], scaled, clause.span)
        if condition is None or value is None:
            return None
        args += [condition, value]
    reason = f"`{name}` is {' '.join(clause.span.text.split())}"
    absent = low.absent(State.NOT_REPORTABLE, reason, low.type(rate), clause.span)
    type_ = replace(low.type(rate), absent=low.type(rate).absent | {State.NOT_REPORTABLE})
    return low.emit(nodes.Choose(), (*args, absent), type_, clause.span)


def _earlier(low: Lowering, name: str, back: int, span: Span) -> Ref:
    """The value so many periods before; nothing where there is no data."""
    type_ = low.type(low.values[name])
    previous = low.emit(nodes.Previous(name, back), (), replace(type_, absent=type_.absent | {State.MISSING}), span)
    zero = pipeline.zero_like(low, previous, span)
    return low.emit(nodes.Fallback(missing=True), (previous, zero), type_, span)


def _supplied(
    low: Lowering, name: str, block: ast.Block, table: TableSchema, grain: Grain, inside: Callable[[Ref], Ref]
) -> bool:
    """A set whose rates come from a table at group grain: `rate COLUMN`, `denominator COLUMN`."""
    assert block.source is not None
    low.used.add(table.name)
    if {k.name for k in table.keys} != grain:
        keys = ", ".join(sorted(grain))
        low.error("grain-mismatch", f"`{table.name}` is not keyed by {keys}", block.source.span, f"key it `per {keys}`")
        return False
    for clause in block.steps:
        if clause.word in ("rate", "denominator"):
            assert clause.argument is not None
            with low.table_columns(table):
                ref = expressions.numeric(low, clause.argument, f"`{clause.word}`")
            if ref is None:
                return False
            role = "amount" if clause.word == "rate" else "input"
            low.register(
                f"{name}.{clause.word}", inside(ref), role, f"{name} {clause.word}", clause.span, name, clause.word
            )
    if f"{name}.rate" not in low.values:
        one(low, block, "rate")
        return False
    reportable = next((s for s in block.steps if s.word == "reportable"), None)
    written = reportable.get("when") if reportable is not None else None
    rate = low.values[f"{name}.rate"]
    if reportable is not None and written is not None:
        with low.local(name):
            condition = expressions.flag(low, written)
        if condition is None:
            return False
        reason = f"`{name}` is {' '.join(reportable.span.text.split())}"
        absent = low.absent(State.NOT_REPORTABLE, reason, low.type(rate), reportable.span)
        type_ = replace(low.type(rate), absent=low.type(rate).absent | {State.NOT_REPORTABLE})
        rate = low.emit(nodes.Choose(), (condition, rate, absent), type_, reportable.span)
        low.names = [n for n in low.names if n.name != f"{name}.rate"]
        rate = low.register(f"{name}.rate", rate, "amount", f"{name} rate", block.span, name)
    low.also(name, rate)
    return True
