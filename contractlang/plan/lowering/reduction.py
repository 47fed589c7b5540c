"""What `population`, `spending` and `measures` share: the columns that the reduce stage adds, reasons, and outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Label
from contractlang.plan import relations
from contractlang.plan.lowering import remedies, rows
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.plan.relations import RowExpr
from contractlang.plan.rewrites.columns import inputs
from contractlang.semantics.model import TableSchema
from contractlang.semantics.scope import PERIODS
from contractlang.semantics.types import Grain, Kind
from contractlang.source import Span
from contractlang.syntax import ast

if TYPE_CHECKING:
    from contractlang.plan.lowering.rosters import Roster

UNIT, PERIOD, MEMBER_KEY = "settled_unit", "settled_period", "member_key"
MONTHS, REASON = "months_counted", "left_out_because"
ENTRY, DAY, BEFORE = "on_roster_as", "roster_day", "unit_before"
OWN_PERIOD = "own_period"
"""Columns that the reduce stage adds. Contracts cannot read them: rows are named by the columns of their table."""


@dataclass(frozen=True, slots=True)
class Population:
    """A lowered population: its table, its key columns, and the steps that others read.

    `per` are further keys beside unit and period (`lob`), each a closed category. `counted` is the step with the rows
    that count, `home` the one with a single row per member and period: that of the last month.

    `roster` is the roster that gives the unit. Where it is `rebuilt`, rows of base years stand in `counted` once more for
    each later period, under a label of its own in PERIOD; OWN_PERIOD has the period in which they lie. `several`: a row may
    count for more than one unit.
    """

    name: str
    table: TableSchema
    member: str
    moment: str
    per: tuple[str, ...]
    counted: str
    home: str
    months_scale: int
    roster: Roster | None = None
    rebuilt: bool = False
    several: bool = False
    area: bool = False

    @property
    def once(self) -> bool:
        """Whether a member-month stands in `counted` once at most."""
        return not (self.rebuilt or self.several)


def step(low: Lowering, name: str, relation: relations.Relation, origin: Span, description: str) -> str:
    """Add a step to the reduce stage; gives its name."""
    low.steps.append(relations.Step(name, relation, origin, description))
    return name


def column(name: str, kind: str = "int", scale: int = 0) -> RowExpr:
    return RowExpr("column", value=name, kind=kind, scale=scale)


def text(words: str) -> RowExpr:
    return RowExpr("const", value=words, kind="text")


def missing(e: RowExpr, origin: Span | None = None) -> RowExpr:
    return RowExpr("missing", (e,), kind="flag", origin=origin)


def counts() -> RowExpr:
    """True for rows that are not left out."""
    return missing(column(REASON, "text"))


def per_column(key: str) -> str:
    """The reduce column that holds a further key."""
    return f"per_{key}"


def settlement_keys(low: Lowering, per: tuple[str, ...] = ()) -> tuple[tuple[str, str], ...]:
    """Settlement keys with their reduce columns."""
    return ((low.scope.unit, UNIT), (low.scope.period, PERIOD), *((k, per_column(k)) for k in per))


def key_columns(per: tuple[str, ...] = ()) -> tuple[str, ...]:
    return (UNIT, PERIOD, *(per_column(k) for k in per))


def grain(low: Lowering, per: tuple[str, ...]) -> Grain:
    return low.settled | frozenset(per)


def all_columns(table: TableSchema) -> tuple[str, ...]:
    return (*(k.name for k in table.keys), *(c.name for c in table.columns))


def period_of(low: Lowering, moment: str, origin: Span | None = None) -> RowExpr:
    """The settlement period in which a row lies."""
    return period_named(low, moment, low.scope.period, origin)


def period_named(low: Lowering, moment: str, word: str, origin: Span | None = None) -> RowExpr:
    """The period of a kind in which a row lies. Labels of longer periods count from the start of the year already."""
    at = column(moment, "text")
    back = low.scope.first_month - 1
    if back and word != "month" and PERIODS.get(moment, 1) == 1:
        at = RowExpr("shifted", (at,), value=back, kind="text", origin=origin)
    return RowExpr("period", (at,), value=PERIODS[word], kind="text", origin=origin)


def per_keys(
    low: Lowering, table: TableSchema, names: tuple[ast.Name, ...], population: Population | None = None
) -> tuple[tuple[str, RowExpr], ...] | None:
    """For each `per` key the row expression that gives it: a key of the table, or its only column of that category.

    A level below the unit is a column that the rows of the population have, where it is kept per level.
    """
    found: list[tuple[str, RowExpr]] = []
    for name in names:
        word = name.text
        if population is not None and word in low.scope.levels and word in population.per:
            found.append((word, column(per_column(word), "text")))
            continue
        if word in low.scope.levels:
            low.error(
                "grain-mismatch",
                f"{f'population `{population.name}`' if population else f'`{table.name}`'} is not kept per {word}",
                name.span,
                f"write `population … from {table.name} per {word}`",
            )
            return None
        if word not in low.scope.categories:
            low.scope.unknown(name, [*low.scope.categories, *low.scope.levels], "category")
            return None
        columns = [k.name for k in table.keys if k.name == word and k.role == "category"]
        columns += [c.name for c in table.columns if c.type.kind is Kind.CATEGORY and c.type.scheme == word]
        if len(columns) != 1:
            several = f"several columns of category `{word}`: {', '.join(f'`{c}`' for c in columns)}"
            low.error(
                "ambiguous-name" if columns else "unknown-name",
                f"`{table.name}` has {several if columns else f'no column of category `{word}`'}",
                name.span,
                f"declare one column `category in {word}`",
            )
            return None
        found.append((word, column(columns[0], "text")))
    return tuple(found)


def words(e: ast.Expr) -> str:
    """The words of the contract, on one line."""
    return " ".join(e.span.text.split())


def reasons(low: Lowering, table: TableSchema, block: ast.Block) -> list[RowExpr] | None:
    """Pairs of condition and reason for each `where` and `exclude`, in the order written; None after a report.

    A condition that has no answer for a row leaves the row out under a reason of its own: it is counted, not guessed.
    """
    cases: list[RowExpr] = []
    ok = True
    for clause in block.steps:
        if clause.word not in ("where", "exclude"):
            continue
        assert clause.argument is not None
        condition = rows.lower_row(low, table, clause.argument, FLAG)
        if condition is None:
            ok = False
            continue
        given = clause.get("reason")
        plain = f"{'not ' if clause.word == 'where' else ''}{words(clause.argument)}"
        reason = given.value if isinstance(given, ast.Text) else plain
        excluded = condition.expr
        if clause.word == "where":
            excluded = RowExpr("not", (condition.expr,), kind="flag", origin=clause.span)
        cases += [missing(condition.expr, clause.span), text(f"unknown whether {words(clause.argument)}")]
        cases += [excluded, text(reason)]
    return cases if ok else None


def first_reason(cases: list[RowExpr], origin: Span) -> RowExpr:
    """A text: the first reason that applies; missing where none does."""
    none = RowExpr("const", value=None, kind="text")
    return RowExpr("case", (*cases, none), kind="text", origin=origin) if cases else none


def mark(low: Lowering, name: str, source: str, cases: list[RowExpr], origin: Span) -> str:
    """Mark rows with the reason why they do not count, and keep those that do; gives the step that counts."""
    reason = ((REASON, first_reason(cases, origin)),)
    step(low, f"{name}.marked", relations.Derive(source, reason), origin, "the reason why a row does not count")
    return step(low, f"{name}.counted", relations.Filter(f"{name}.marked", counts()), origin, "rows that count")


def account(
    low: Lowering,
    name: str,
    per: tuple[str, ...],
    origin: Span,
    sums: tuple[tuple[str, RowExpr], ...] = (),
    *,
    source: str | None = None,
) -> None:
    """Keep, per settlement key and reason, the rows (and further sums) of a marked step (or of `source`) for
    explanations."""
    measures = (relations.Measure("rows", "count"), *(relations.Measure(n, "sum", e) for n, e in sums))
    by = (*key_columns(per), REASON)
    step(low, f"{name}.account", relations.Group(source or f"{name}.marked", by, measures), origin, "rows by reason")
    columns = tuple((n, n, e.scale) for n, e in sums)
    low.accounts.append(relations.Account(name, f"{name}.account", settlement_keys(low, per), columns, REASON))


def output(
    low: Lowering,
    population: Population,
    table: str,
    step_name: str,
    columns: tuple[tuple[str, str, int], ...],
    empty_zero: tuple[str, ...],
    per: tuple[str, ...] | None = None,
) -> None:
    """Hand a step of a population's sums to the settle stage."""
    keys = settlement_keys(low, population.per if per is None else per)
    low.outputs.append(relations.Output(table, step_name, keys, columns, empty_zero))


def rebuilt_outputs(low: Lowering) -> list[relations.Output]:
    """The outputs that are made of rows of a population whose base years are rebuilt."""
    reached = {p.counted for p in low.populations.values() if p.rebuilt}
    for made in low.steps if reached else ():
        if not reached.isdisjoint(inputs(made.relation)):
            reached.add(made.name)
    return [output for output in low.outputs if output.step in reached]


def one(low: Lowering, block: ast.Block, word: str) -> ast.Step | None:
    """The only clause of a word; reports none or several."""
    found = [s for s in block.steps if s.word == word]
    if len(found) == 1:
        return found[0]
    if not found:
        example = {"attribute": f"attribute to {low.scope.unit} by COLUMN"}.get(word, f"{word} COLUMN")
        column_name = _column_for(low, block, word)
        fixes = [remedies.new_line(block, example.replace("COLUMN", column_name))] if column_name else []
        low.error(
            "missing-clause",
            f"{block.kind} `{block.name}` has no `{word}` clause",
            block.span,
            f"write `{example}`",
            fixes=fixes,
        )
    else:
        low.error(
            "duplicate-clause",
            f"{block.kind} `{block.name}` has two `{word}` clauses",
            found[1].span,
            "keep one",
            labels=[Label(found[0].span, "the first one")],
            fixes=[edits.without(found[1].span, "remove the second one")],
        )
    return None


def _column_for(low: Lowering, block: ast.Block, word: str) -> str | None:
    """A column of the block's rows that could fill a clause: text names a unit, money is an amount, flags are counted."""
    source = block.source
    if source is None and block.subject is not None and block.subject.text in low.populations:
        table: TableSchema | None = low.populations[block.subject.text].table
    else:
        table = low.declared.inputs.get(source.text) if source is not None else None
    kinds = {
        "attribute": (Kind.TEXT,),
        "amount": (Kind.MONEY,),
        "numerator": (Kind.FLAG, Kind.COUNT),
        "denominator": (Kind.FLAG, Kind.COUNT),
    }
    columns = [c for c in table.columns if c.type.kind in kinds.get(word, ())] if table is not None else []
    near = [c.name for c in columns if low.scope.unit in c.name]
    return near[0] if near else columns[0].name if columns else None


def member_table(low: Lowering, name: ast.Name) -> TableSchema | None:
    """A member-level input by its name."""
    low.used.add(name.text)
    table = low.declared.inputs.get(name.text)
    if table is None:
        members = [n for n, t in low.declared.inputs.items() if t.member_level]
        low.scope.unknown(name, members, "input")
        return None
    if not table.member_level:
        keys = ", ".join(k.name for k in table.keys)
        low.error(
            "grain-mismatch",
            f"`{table.name}` has no member rows: it is keyed by {keys}",
            name.span,
            "read its columns directly in expressions",
        )
        return None
    return table


def member_keys(low: Lowering, table: TableSchema, block: ast.Block) -> tuple[str, str] | None:
    """The key of a table that names the member and the one that places a row in time."""
    stated = next((s for s in block.steps if s.word == "member"), None)
    open_keys = [k.name for k in table.keys if k.role == "open"]
    moments = [k.name for k in table.keys if k.role == "period"]
    if stated is not None and isinstance(stated.argument, ast.Name):
        known = [*open_keys, *(c.name for c in table.columns)]
        if stated.argument.text not in known:
            low.scope.unknown(stated.argument, open_keys, "key")
            return None
        open_keys = [stated.argument.text]
    if len(open_keys) > 1 and "member" in open_keys:
        open_keys = ["member"]
    if len(open_keys) != 1:
        low.error(
            "ambiguous-name",
            f"`{table.name}` has several keys that could name the member: {', '.join(open_keys)}",
            block.span,
            f"say which: `member {open_keys[0]}`",
        )
        return None
    if len(moments) != 1:
        low.error(
            "missing-clause",
            f"`{table.name}` has no key that places a row in time",
            block.span,
            "key it `per member, month`",
        )
        return None
    if PERIODS[moments[0]] > PERIODS[low.scope.period]:
        low.error(
            "grain-mismatch",
            f"`{table.name}` is per {moments[0]}, the settlement per {low.scope.period}",
            block.span,
        )
        return None
    return open_keys[0], moments[0]
