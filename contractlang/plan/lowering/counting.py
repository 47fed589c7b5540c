"""Numerators and denominators added up over member rows, for one measure or a set of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contractlang.plan import relations
from contractlang.plan.lowering import rows
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.plan.lowering.lookups import with_lookups
from contractlang.plan.lowering.reduction import (
    MEMBER_KEY,
    OWN_PERIOD,
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
from contractlang.plan.relations import RowExpr
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import EVENT, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast

HOME_PERIOD = "home_period"


@dataclass(frozen=True, slots=True)
class Counted:
    """One column of sums: its word, its type, the table of the reduce stage that holds it, and its further keys.

    `flag` says that the rows hold yes or no, so that the sum counts cases.
    """

    word: str
    type: Type
    scale: int
    table: str
    per: tuple[str, ...]
    flag: bool = False


@dataclass(frozen=True, slots=True)
class Summed:
    """A row expression that is added up under a word."""

    word: str
    row: rows.Row


def counted_sums(
    low: Lowering, name: str, block: ast.Block, population: Population, per: tuple[ast.Name, ...]
) -> list[Counted] | None:
    """Add numerators and denominators up.

    Rows of the population's own table count for their own unit, rows of another table for that of the member's last
    month of the period.
    """
    table = population.table if block.source is None else member_table(low, block.source)
    numerator, denominator = one(low, block, "numerator"), one(low, block, "denominator")
    if table is None or numerator is None or denominator is None:
        return None
    top = numerators(low, table, numerator)
    assert denominator.argument is not None
    bottom = rows.lower_row(low, table, denominator.argument)
    if top is None or bottom is None:
        return None
    placed = marked(low, name, block, population, table, per)
    if placed is None:
        return None
    counted, words = placed
    return added_up(low, name, block, counted, words, [*top, Summed("denominator", bottom)])


def numerators(low: Lowering, table: TableSchema, clause: ast.Step) -> list[Summed] | None:
    """The numerator of a row; with sources in order also what each of them adds: what no source before it has."""
    sources = clause.names("sources")
    if not sources:
        assert clause.argument is not None
        found = rows.lower_row(low, table, clause.argument)
        return None if found is None else [Summed("numerator", found)]
    flags: list[RowExpr] = []
    for source in sources:
        row = rows.lower_row(low, table, source, FLAG)
        if row is None:
            return None
        if source.parts[-1] in TAKEN:
            low.error(
                "ambiguous-name",
                f"a source cannot be called `{source.parts[-1]}`: the measure has a value of that name",
                source.span,
                "rename the column",
            )
            return None
        flags.append(row.expr)
    whole = RowExpr("or", tuple(flags), kind="flag", origin=clause.span)
    summed = [Summed("numerator", rows.Row(whole, FLAG))]
    yes, no = RowExpr("const", value=True, kind="flag"), RowExpr("const", value=False, kind="flag")
    for position, source in enumerate(sources):
        cases = [part for flag in flags[:position] for part in (flag, no)] + [flags[position], yes]
        first = RowExpr("case", (*cases, no), kind="flag", origin=source.span)
        summed.append(Summed(source.parts[-1], rows.Row(first, FLAG)))
    return summed


TAKEN = frozenset(
    {"numerator", "denominator", "rate", "low", "high", "oe", "expected", "shrunk", "reliability", "mean"}
)
"""Values of a measure that no source may be called like."""


def added_up(
    low: Lowering, name: str, block: ast.Block, source: str, words: tuple[str, ...], summed: Sequence[Summed]
) -> list[Counted]:
    """One group over the rows that count, handed to the settle stage as table `name`."""
    span = block.span
    ones = [(s.word, rows.counted(s.row)) for s in summed]
    derived = relations.Derive(source, tuple((c, r.expr) for c, r in ones))
    step(low, f"{name}.values", derived, span, "numerator and denominator of each row")
    measures = tuple(relations.Measure(c, "sum", column(c, scale=r.expr.scale)) for c, r in ones)
    step(low, f"{name}.totals", relations.Group(f"{name}.values", key_columns(words), measures), span, "sum over sum")
    columns = tuple((c, c, r.expr.scale) for c, r in ones)
    keys = settlement_keys(low, words)
    low.outputs.append(relations.Output(name, f"{name}.totals", keys, columns, tuple(c for c, _ in ones)))
    account(low, name, words, span)
    return [
        Counted(c, r.type, r.expr.scale, name, words, s.row.type.kind is Kind.FLAG)
        for s, (c, r) in zip(summed, ones, strict=True)
    ]


def marked(
    low: Lowering, name: str, block: ast.Block, population: Population, table: TableSchema, per: tuple[ast.Name, ...]
) -> tuple[str, tuple[str, ...]] | None:
    """The step whose rows count, with their unit, period and further keys, and the names of these keys.

    A further key is a category of the table's rows or, if they have none, of the member's row in the population.
    """
    keys = member_keys(low, table, ast.Block(block.kind, name, (), span=block.span))
    left_out = reasons(low, table, block)
    own = table is population.table
    of_member = tuple(n for n in per if not own and not has_category(table, n.text))
    by = per_keys(low, table, tuple(n for n in per if n not in of_member), population)
    by_member = per_keys(low, population.table, of_member, population)
    if keys is None or left_out is None or by is None or by_member is None:
        return None
    span = block.span
    source = population.counted if own else joined(low, name, block, population, table, keys, by_member)
    source = with_lookups(low, source, table)
    if by:
        further = tuple((per_column(k), e) for k, e in by)
        source = step(low, f"{name}.keyed", relations.Derive(source, further), span, "further keys of each row")
    absent = [] if own else [missing(column(UNIT, "text")), text(f"member not in `{population.name}`")]
    counted = mark(low, name, source, [*left_out, *absent], span)
    return counted, tuple(n.text for n in per)


def has_category(table: TableSchema, word: str) -> bool:
    """Whether the rows of a table have a key or a column of this category."""
    named = any(k.name == word and k.role == "category" for k in table.keys)
    return named or any(c.type.kind is Kind.CATEGORY and c.type.scheme == word for c in table.columns)


def counted_wide(
    low: Lowering, name: str, block: ast.Block, population: Population, key: str, labels: Sequence[str]
) -> list[Counted] | None:
    """Measures in columns of their own: the table of the set names the numerator and denominator column of each."""
    assert block.table is not None
    table = population.table if block.source is None else member_table(low, block.source)
    if table is None:
        return None
    at = [block.table.header.index(word) for word in ("numerator", "denominator")]
    columns: list[tuple[str, RowExpr]] = []
    for label, row in zip(labels, block.table.rows, strict=True):
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
    placed = marked(low, name, block, population, table, block.per)
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
    for label in labels:
        picked = (
            (per_column(key), text(label)),
            *((word, column(f"{word}_{label}", scale=scale)) for word in ("numerator", "denominator")),
        )
        parts.append(step(low, f"{name}.{label}", relations.Derive(f"{name}.sums", picked), span, f"sums of {label}"))
    total = parts[0]
    if len(parts) > 1:
        total = step(low, f"{name}.totals", relations.Union(tuple(parts)), span, "one row per measure")
    outs = tuple((word, word, scale) for word in ("numerator", "denominator"))
    low.outputs.append(
        relations.Output(name, total, settlement_keys(low, (*words, key)), outs, ("numerator", "denominator"))
    )
    account(low, name, words, span)
    return [Counted(word, Type(Kind.COUNT, EVENT), scale, name, (*words, key)) for word in ("numerator", "denominator")]


def joined(
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
    period = period_of(low, moment)
    placed = ((PERIOD, period), (OWN_PERIOD, period), (MEMBER_KEY, column(member, "text")))
    step(low, f"{name}.placed", relations.Derive(scan, placed), span, "member and period of each row")
    added = ((UNIT, UNIT), *((str(e.value), per_column(k)) for k, e in further))
    return of_members(low, name, population, population.home, added, span)


def of_members(
    low: Lowering, name: str, population: Population, right: str, added: tuple[tuple[str, str], ...], span: Span
) -> str:
    """The rows of `NAME.placed` with columns of their member's row of the period in another step.

    A member who counts for several units, or in a base year on several rosters, has several such rows: each gets the
    values of all.
    """
    on = ((MEMBER_KEY, MEMBER_KEY), (PERIOD, OWN_PERIOD if population.rebuilt else PERIOD))
    if population.rebuilt:
        added = (*added, (PERIOD, HOME_PERIOD))
    join = relations.Join(f"{name}.placed", right, on, added, left=True, many=not population.once)
    joined = step(low, f"{name}.joined", join, span, f"the unit of the member in {population.name}")
    if not population.rebuilt:
        return joined
    home = column(HOME_PERIOD, "text")
    counted_in = RowExpr("case", (missing(home), column(PERIOD, "text"), home), kind="text", origin=span)
    relabelled = relations.Derive(joined, ((PERIOD, counted_in),))
    return step(low, f"{name}.rebuilt", relabelled, span, "the period, and the roster, for which a row counts")
