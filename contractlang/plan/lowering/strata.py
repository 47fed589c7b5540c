"""The reduce stage of `equity`: the rows of measures under the strata of their members, with weights.

A member is in one stratum by what the member said, or in several with the probabilities that an imputation gives.
Nobody is put into the most likely stratum: an imputed member counts in each with its weight. A member of neither kind
is left out, and the account of the block says how many rows that are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix
from contractlang.plan import relations
from contractlang.plan.lowering import rows
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.plan.lowering.reduction import (
    MEMBER_KEY,
    OWN_PERIOD,
    PERIOD,
    UNIT,
    Population,
    account,
    all_columns,
    column,
    first_reason,
    key_columns,
    mark,
    missing,
    one,
    per_column,
    period_of,
    settlement_keys,
    step,
    text,
)  # fmt: skip
from contractlang.plan.relations import RowExpr
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import NONE, Kind
from contractlang.source import Span
from contractlang.syntax import ast

SAID, LEFT_OUT = "stratum_said", "stratum_left_out"
"""Columns beside each row: the stratum that the member named, and why the member is in none."""

COUNTS = ("numerator", "denominator", "persons", "squares")
"""What is added up per stratum. `squares` are the squared weighted denominators: persons of weight above zero and the
effective number, denominator² over squares, both have minimum sizes."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """Where the strata come from: the table and the column that says them, and the table of imputed probabilities."""

    key: str
    labels: tuple[str, ...]
    table: TableSchema
    column: str
    clause: ast.Step
    imputed: TableSchema | None
    weights: dict[str, RowExpr]
    scale: int


@dataclass(frozen=True, slots=True)
class _Pair:
    """A numerator and a denominator of the rows of a measure; `label` is that of the measure in a wide set."""

    label: str
    numerator: RowExpr
    denominator: RowExpr

    def named(self, word: str) -> str:
        return f"stratum_{word}_{self.label}" if self.label else f"stratum_{word}"


# What the clauses say ------------------------------------------------------------------------------------------------


def dimension(low: Lowering, block: ast.Block, population: Population) -> Dimension | None:
    """`dimension COLUMN in SCHEME[, self_report …]`; None after a report."""
    clause = one(low, block, "dimension")
    if clause is None:
        return None
    name, scheme, said = clause.argument, clause.get("in"), clause.get("imputed")
    assert isinstance(name, ast.Name)
    assert isinstance(scheme, ast.Name)
    key = low.scope.category(scheme)
    if key is None:
        low.scope.unknown(scheme, list(low.scope.categories), "category")
        return None
    table = _table_of(low, name, population)
    if table is None:
        return None
    found = table.column(name.parts[-1])
    if found is None:
        known = [c.name for c in table.columns if c.type.kind is Kind.CATEGORY]
        low.scope.unknown(name, known, f"column of `{table.name}`")
        return None
    if found.type.kind is not Kind.CATEGORY or found.type.scheme != key:
        low.error(
            "kind-mismatch",
            f"`{name.text}` is no column of category `{key}`",
            name.span,
            f"declare it as `category in {key}`",
            fixes=_columns_of(table, key, name),
        )
        return None
    labels = low.scope.categories[key].values
    imputed: TableSchema | None = None
    weights: dict[str, RowExpr] = {}
    if isinstance(said, ast.Name):
        imputed = _per_member(low, said)
        weights = {} if imputed is None else _weights(low, imputed, labels, said)
        if imputed is None or not weights:
            return None
    scale = max((w.scale for w in weights.values()), default=0)
    return Dimension(key, labels, table, found.name, clause, imputed, weights, scale)


def _columns_of(table: TableSchema, key: str, name: ast.Name) -> list[Fix]:
    """The columns of the table that have the category."""
    found = [c.name for c in table.columns if c.type.kind is Kind.CATEGORY and c.type.scheme == key]
    return [edits.instead(name.span, ".".join((*name.parts[:-1], column_name))) for column_name in found]


def _table_of(low: Lowering, name: ast.Name, population: Population) -> TableSchema | None:
    """The table of a column: that of the population, or the one that is named, with rows per member."""
    if len(name.parts) == 1 or name.parts[0] == population.table.name:
        return population.table
    return _per_member(low, ast.Name(name.parts[:-1], span=name.span))


def _per_member(low: Lowering, name: ast.Name) -> TableSchema | None:
    """An input with a row for each member, or for each member and settled period."""
    table = low.declared.inputs.get(name.text)
    if table is None:
        members = [n for n, t in low.declared.inputs.items() if t.member_level]
        low.scope.unknown(name, members, "input")
        return None
    low.used.add(table.name)
    others = [k for k in table.keys if k.role != "open" and k.name != low.scope.period]
    if others or sum(k.role == "open" for k in table.keys) != 1:
        low.error(
            "grain-mismatch",
            f"`{table.name}` is keyed by {', '.join(k.name for k in table.keys)}",
            name.span,
            f"key it `per member` or `per member, {low.scope.period}`: one row for each member",
        )
        return None
    return table


def _weights(low: Lowering, table: TableSchema, labels: tuple[str, ...], name: ast.Name) -> dict[str, RowExpr]:
    """The probability of each stratum: the column that is called like it."""
    found: dict[str, RowExpr] = {}
    for label in labels:
        schema = table.column(label)
        if schema is None:
            continue
        if schema.type.unit != NONE or not schema.type.numeric or schema.decimals is None:
            low.error(
                "kind-mismatch",
                f"`{table.name}.{label}` is no probability",
                name.span,
                "declare it as `percent 2 decimals within 0% to 100%`",
            )
            return {}
        found[label] = column(label, scale=schema.decimals + (2 if schema.type.kind is Kind.PERCENT else 0))
    if not found:
        low.error(
            "unknown-name",
            f"`{table.name}` has no column that is called like a value of the dimension",
            name.span,
            f"declare a column of probabilities for each: `{labels[0]} percent 2 decimals`",
        )
    return found


# Members -------------------------------------------------------------------------------------------------------------


def _placed(low: Lowering, name: str, table: TableSchema, span: Span) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The rows of a table per member with their keys, and what to join them on."""
    scan = step(low, f"{name}.scan", relations.Scan(table.name, all_columns(table)), span, f"rows of {table.name}")
    member = next(k.name for k in table.keys if k.role == "open")
    derived = [(MEMBER_KEY, column(member, "text"))]
    on = [(MEMBER_KEY, MEMBER_KEY)]
    if any(k.role == "period" for k in table.keys):
        derived.append((PERIOD, period_of(low, low.scope.period)))
        on.append((OWN_PERIOD, PERIOD))
    placed = step(low, f"{name}.placed", relations.Derive(scan, tuple(derived)), span, "member of each row")
    return placed, tuple(on)


def people(
    low: Lowering, name: str, block: ast.Block, population: Population, found: Dimension
) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """One row per member (and period) with the stratum that the member named."""
    span = found.clause.span
    if population.several:
        what = f"members of `{population.name}` may count for several {low.scope.unit}s, and their strata are not kept apart yet"
        low.error("unsupported", what, span, "attribute each member-month to one unit")
        return None
    left_out = _exclusions(low, found.table, block)
    when = found.clause.get("when")
    condition = None if when is None else rows.lower_row(low, found.table, when, FLAG)
    if left_out is None or (when is not None and condition is None):
        return None
    said = column(found.column, "text")
    if condition is not None:
        none = RowExpr("const", value=None, kind="text")
        said = RowExpr("case", (condition.expr, said, none), kind="text", origin=span)
    source = population.home
    on: tuple[tuple[str, str], ...] = ((MEMBER_KEY, MEMBER_KEY), (PERIOD, PERIOD), (UNIT, UNIT))
    if found.table is not population.table:
        source, on = _placed(low, f"{name}.said", found.table, span)
    derived = ((SAID, said), (LEFT_OUT, first_reason(left_out, span)))
    return step(low, f"{name}.people", relations.Derive(source, derived), span, "what each member said"), on


def _exclusions(low: Lowering, table: TableSchema, block: ast.Block) -> list[RowExpr] | None:
    """Pairs of condition and reason for each `exclude`. A member who gave no answer did not give the excluded one."""
    cases: list[RowExpr] = []
    for clause in block.steps:
        if clause.word != "exclude":
            continue
        assert clause.argument is not None
        condition = rows.lower_row(low, table, clause.argument, FLAG)
        reason = clause.get("reason")
        if condition is None:
            return None
        assert isinstance(reason, ast.Text)
        cases += [condition.expr, text(reason.value)]
    return cases


# Counting ------------------------------------------------------------------------------------------------------------


def count(
    low: Lowering,
    name: str,
    block: ast.Block,
    measured: ast.Block,
    words: tuple[str, ...],
    key: str | None,
    found: Dimension,
    population: Population,
) -> int | None:
    """Add the rows of a measure up per stratum, as table `name`; gives the decimals of its counts.

    `words` are the further keys of the rows, `key` the category of the measures of a set.
    """
    pairs = _pairs(low, measured)
    said = people(low, name, block, population, found)
    if pairs is None or said is None:
        return None
    span = block.span
    wide = bool(pairs[0].label)
    source = f"{measured.name}.values"
    if not _one_row_each(low, measured, population):
        source, pairs = _per_person(low, name, source, words, pairs, span)
    rows_keyed = words if wide or key is None else (*words, key)
    source = _with_strata(low, name, source, said, found)
    marked = mark(low, name, source, _why_not(found), span)
    account(low, name, rows_keyed, span)
    weighted = _weighted(low, name, marked, pairs, found)
    scale = pairs[0].numerator.scale + found.scale
    scales = {"numerator": scale, "denominator": pairs[0].denominator.scale + found.scale, "persons": 0}
    scales["squares"] = 2 * scales["denominator"]
    by = (*rows_keyed, found.key)
    measures = tuple(
        relations.Measure(pair.named(word), "sum", column(pair.named(word), scale=scales[word]))
        for pair in pairs
        for word in COUNTS
    )
    total = step(low, f"{name}.sums", relations.Group(weighted, key_columns(by), measures), span, "sums per stratum")
    if wide and key is not None:
        total = _one_row_per_measure(low, name, total, key, pairs, scales, span)
        by = (*words, key, found.key)
    outs = tuple((word, word if wide else pairs[0].named(word), scales[word]) for word in COUNTS)
    low.outputs.append(relations.Output(name, total, settlement_keys(low, by), outs, COUNTS))
    return found.scale


def _pairs(low: Lowering, measured: ast.Block) -> tuple[_Pair, ...] | None:
    """Numerators and denominators as the step `NAME.values` of the measure has them."""
    values = next((s.relation for s in low.steps if s.name == f"{measured.name}.values"), None)
    if not isinstance(values, relations.Derive):
        low.error(
            "unsupported",
            f"`{measured.name}` has no member rows to put into strata",
            measured.span,
            "name a measure that is counted from member rows",
        )
        return None
    scales = {word: e.scale for word, e in values.columns}
    if "numerator" in scales:
        whole = {w: column(w, scale=s) for w, s in scales.items()}
        return (_Pair("", whole["numerator"], whole["denominator"]),)
    labels = [word.removeprefix("denominator_") for word in scales if word.startswith("denominator_")]
    return tuple(
        _Pair(
            label,
            column(f"numerator_{label}", scale=scales[f"numerator_{label}"]),
            column(f"denominator_{label}", scale=scales[f"denominator_{label}"]),
        )
        for label in labels
    )


def _one_row_each(low: Lowering, measured: ast.Block, population: Population) -> bool:
    """Whether a member has one row at most for each period and category of the measure's table."""
    table = population.table if measured.source is None else low.declared.inputs[measured.source.text]
    per = {name.text for name in measured.per} | ({measured.table.header[0]} if measured.table is not None else set())
    others = [k.name for k in table.keys if k.role != "open" and k.name != low.scope.period and k.name not in per]
    return sum(k.role == "open" for k in table.keys) == 1 and not others


def _per_person(
    low: Lowering, name: str, source: str, words: tuple[str, ...], pairs: tuple[_Pair, ...], span: Span
) -> tuple[str, tuple[_Pair, ...]]:
    """Rows added up per member, so that a person with several rows is one person."""
    measures = tuple(
        relations.Measure(str(e.value), "sum", e) for pair in pairs for e in (pair.numerator, pair.denominator)
    )
    group = relations.Group(source, (*key_columns(words), OWN_PERIOD, MEMBER_KEY), measures)
    return step(low, f"{name}.persons", group, span, "the rows of each member, added up"), pairs


def _with_strata(
    low: Lowering, name: str, source: str, said: tuple[str, tuple[tuple[str, str], ...]], found: Dimension
) -> str:
    span = found.clause.span
    who, on = said
    join = relations.Join(source, who, on, ((SAID, SAID), (LEFT_OUT, LEFT_OUT)), left=True)
    source = step(low, f"{name}.joined", join, span, "what the member of each row said")
    if found.imputed is None:
        return source
    placed, on = _placed(low, f"{name}.imputed", found.imputed, span)
    added = tuple((label, f"weight_{label}") for label in found.weights)
    join = relations.Join(source, placed, on, added, left=True)
    return step(low, f"{name}.weighted", join, span, "probabilities of the member of each row")


def _why_not(found: Dimension) -> list[RowExpr]:
    """Why a row is in no stratum: the clauses of the block, then that nothing is known of the member."""
    excluded = RowExpr("not", (missing(column(LEFT_OUT, "text")),), kind="flag")
    cases = [excluded, column(LEFT_OUT, "text")]
    unknown = missing(column(SAID, "text"))
    reason = f"`{found.column}` not said"
    for label, weight in found.weights.items():
        none = RowExpr("not", (_positive(_weight(label, weight)),), kind="flag")
        unknown = RowExpr("and", (unknown, none), kind="flag")
        reason = f"`{found.column}` neither said nor imputed"
    return [*cases, unknown, text(reason)]


def _weight(label: str, weight: RowExpr) -> RowExpr:
    return replace(weight, value=f"weight_{label}")


def _positive(e: RowExpr) -> RowExpr:
    """Whether a number is above zero; no where there is none."""
    zero = RowExpr("const", value=0, scale=e.scale)
    no = RowExpr("const", value=False, kind="flag")
    return RowExpr("case", (missing(e), no, RowExpr(">", (e, zero), kind="flag")), kind="flag")


def _weighted(low: Lowering, name: str, counted: str, pairs: tuple[_Pair, ...], found: Dimension) -> str:
    """Rows per stratum with their weighted counts: those that were said, then a part for each imputed stratum."""
    span = found.clause.span
    known = RowExpr("not", (missing(column(SAID, "text")),), kind="flag")
    step(low, f"{name}.stated", relations.Filter(counted, known), span, "rows of members who said their stratum")
    one = RowExpr("const", value=10**found.scale, scale=found.scale)
    stratum = (per_column(found.key), column(SAID, "text"))
    derived = relations.Derive(f"{name}.stated", (stratum, *_counts(pairs, one if found.weights else None)))
    parts = [step(low, f"{name}.in_stated", derived, span, "each in its stratum")]
    if not found.weights:
        return parts[0]
    step(
        low,
        f"{name}.unstated",
        relations.Filter(counted, missing(column(SAID, "text"))),
        span,
        "rows of members with imputed probabilities",
    )
    for label, weight in found.weights.items():
        own = _weight(label, weight)
        some = step(low, f"{name}.{label}", relations.Filter(f"{name}.unstated", _positive(own)), span, f"some {label}")
        shares = _counts(pairs, rows.rescaled(own, found.scale))
        derived = relations.Derive(some, ((per_column(found.key), text(label)), *shares))
        parts.append(step(low, f"{name}.in_{label}", derived, span, f"weighted by the probability of {label}"))
    return step(low, f"{name}.strata", relations.Union(tuple(parts)), span, "all strata")


def _counts(pairs: tuple[_Pair, ...], weight: RowExpr | None) -> tuple[tuple[str, RowExpr], ...]:
    found: list[tuple[str, RowExpr]] = []
    for pair in pairs:
        top, bottom = (_times(e, weight) for e in (pair.numerator, pair.denominator))
        one, zero = RowExpr("const", value=1), RowExpr("const", value=0)
        none = RowExpr("const", value=None)
        counts = RowExpr(">", (pair.denominator, RowExpr("const", value=0, scale=pair.denominator.scale)), kind="flag")
        person = RowExpr("case", (missing(pair.denominator), none, counts, one, zero))
        found += [
            (pair.named("numerator"), top),
            (pair.named("denominator"), bottom),
            (pair.named("persons"), person),
            (pair.named("squares"), RowExpr("*", (bottom, bottom), scale=2 * bottom.scale)),
        ]
    return tuple(found)


def _times(e: RowExpr, weight: RowExpr | None) -> RowExpr:
    return e if weight is None else RowExpr("*", (e, weight), scale=e.scale + weight.scale)


def _one_row_per_measure(
    low: Lowering, name: str, sums: str, key: str, pairs: tuple[_Pair, ...], scales: dict[str, int], span: Span
) -> str:
    parts: list[str] = []
    for pair in pairs:
        picked = (
            (per_column(key), text(pair.label)),
            *((word, column(pair.named(word), scale=scales[word])) for word in COUNTS),
        )
        parts.append(
            step(low, f"{name}.of_{pair.label}", relations.Derive(sums, picked), span, f"sums of {pair.label}")
        )
    return (
        parts[0] if len(parts) == 1 else step(low, f"{name}.all", relations.Union(tuple(parts)), span, "all measures")
    )


# Completeness --------------------------------------------------------------------------------------------------------


def complete(low: Lowering, name: str, clause: ast.Step, population: Population, found: Dimension) -> str | None:
    """Count the members of the population, and those of whom the condition holds, as a table; gives its name.

    A member without a row in the table of the dimension is one of whom nothing is known: in the whole, not in the part.
    """
    assert clause.argument is not None
    span = clause.span
    holds = rows.lower_row(low, found.table, clause.argument, FLAG)
    written = clause.get("among")
    among = None if written is None else rows.lower_row(low, found.table, written, FLAG)
    if holds is None or (written is not None and among is None):
        return None
    one, zero = RowExpr("const", value=1), RowExpr("const", value=0)
    part = RowExpr("case", (holds.expr, one, zero), origin=span)
    whole = one
    if among is not None:
        outside = RowExpr("not", (among.expr,), kind="flag")
        whole = RowExpr("case", (outside, zero, one), origin=span)
        part = RowExpr("case", (outside, zero, holds.expr, one, zero), origin=span)
    table = f"{name}.members"
    answered = (("answered", part), ("asked", whole))
    if found.table is population.table:
        source = step(low, f"{table}.asked", relations.Derive(population.home, answered), span, "answers of members")
    else:
        placed, on = _placed(low, f"{name}.asked", found.table, span)
        step(low, f"{table}.answers", relations.Derive(placed, answered), span, "answers of members")
        join = relations.Join(
            population.home, f"{table}.answers", on, (("answered", "found_part"), ("asked", "found_whole")), left=True
        )
        step(low, f"{table}.joined", join, span, "members of the population with their answers")
        filled = tuple(
            (to, RowExpr("case", (missing(column(of)), RowExpr("const", value=value), column(of))))
            for to, of, value in (("answered", "found_part", 0), ("asked", "found_whole", 1))
        )
        source = step(low, f"{table}.asked", relations.Derive(f"{table}.joined", filled), span, "answers of members")
    sums = tuple(relations.Measure(word, "sum", column(word)) for word in ("answered", "asked"))
    step(low, f"{table}.totals", relations.Group(source, key_columns(population.per), sums), span, "members by answer")
    columns = tuple((word, word, 0) for word in ("answered", "asked"))
    keys = settlement_keys(low, population.per)
    low.outputs.append(relations.Output(table, f"{table}.totals", keys, columns, ("answered", "asked")))
    return table
