"""`population`, `spending` and `measure`: clauses over member rows become the reduce stage.

A population marks every row with its unit, period and, if it does not count, the first reason why; spending and
measures read the rows that count. Nothing is dropped without a reason: accounts keep the numbers of rows left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from contractlang.plan import nodes, relations
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, rows
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.plan.relations import RowExpr
from contractlang.semantics.model import TableSchema
from contractlang.semantics.scope import PERIODS
from contractlang.semantics.types import EVENT, MEMBER, MEMBER_MONTH, USD, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State

UNIT, PERIOD, MEMBER_KEY, MONTHS, REASON = (
    "settled_unit",
    "settled_period",
    "member_key",
    "months_counted",
    "left_out_because",
)
"""Columns that the reduce stage adds; no contract can declare these names twice because they are never looked up."""


@dataclass(frozen=True, slots=True)
class Population:
    """A lowered population: its table, its key columns, and the steps that others read."""

    table: TableSchema
    member: str
    moment: str  # the key column that places a row in time
    counted: str  # step with the rows that count
    home: str  # step with one row per member and period: the unit of the last month


def lower_population(low: Lowering, name: str, block: ast.Block) -> bool:
    table = _table(low, block)
    if table is None:
        return False
    keys = _member_keys(low, table, block)
    attribute = _one(low, block, "attribute")
    if keys is None or attribute is None:
        return False
    member, moment = keys
    by = attribute.get("by")
    assert by is not None
    unit = rows.lower_row(low, table, by)
    months = _months(low, table, block)
    if unit is None or months is None:
        return False
    to = attribute.get("to")
    if isinstance(to, ast.Name) and to.text != low.scope.unit:
        low.error(
            "unknown-name",
            f"`{to.text}` is not what the contract settles",
            to.span,
            f"write `attribute to {low.scope.unit} by …`",
        )
        return False
    left_out = _reasons(low, table, block, unit)
    if left_out is None:
        return False
    _step(low, f"{name}.scan", relations.Scan(table.name, _columns(table)), block.span, f"rows of {table.name}")
    period = RowExpr(
        "period",
        (RowExpr("column", value=moment, kind="text"),),
        value=PERIODS[low.scope.period],
        kind="text",
        origin=block.span,
    )
    derived = (
        (UNIT, unit.expr),
        (PERIOD, period),
        (MEMBER_KEY, RowExpr("column", value=member, kind="text")),
        (MONTHS, months),
    )
    _step(
        low,
        f"{name}.placed",
        relations.Derive(f"{name}.scan", derived),
        block.span,
        "unit, period and months of each row",
    )
    _step(
        low,
        f"{name}.marked",
        relations.Derive(f"{name}.placed", ((REASON, left_out),)),
        block.span,
        "the reason why a row does not count",
    )
    counts = RowExpr("missing", (RowExpr("column", value=REASON, kind="text"),), kind="flag")
    _step(low, f"{name}.counted", relations.Filter(f"{name}.marked", counts), block.span, "rows that count")
    _population_outputs(low, name, block, months.scale)
    low.populations[name] = Population(table, member, moment, f"{name}.counted", _home(low, name, block.span, moment))
    return True


def _table(low: Lowering, block: ast.Block) -> TableSchema | None:
    source = block.source
    assert source is not None
    low.used.add(source.text)
    table = low.declared.inputs.get(source.text)
    if table is None:
        members = [n for n, t in low.declared.inputs.items() if t.member_level]
        low.scope.unknown(source, members, "input")
        return None
    if not table.member_level:
        low.error(
            "grain-mismatch",
            f"`{table.name}` has no member rows: it is keyed by {', '.join(k.name for k in table.keys)}",
            source.span,
            "read its columns directly in expressions",
        )
        return None
    return table


def _member_keys(low: Lowering, table: TableSchema, block: ast.Block) -> tuple[str, str] | None:
    """The key that names the member and the one that names the time."""
    stated = next((s for s in block.steps if s.word == "member"), None)
    open_keys = [k.name for k in table.keys if k.role == "open"]
    moments = [k.name for k in table.keys if k.role == "period"]
    if stated is not None and isinstance(stated.argument, ast.Name):
        if stated.argument.text not in [*open_keys, *(c.name for c in table.columns)]:
            low.scope.unknown(stated.argument, open_keys, "key")
            return None
        open_keys = [stated.argument.text]
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
            "grain-mismatch", f"`{table.name}` is per {moments[0]}, the settlement per {low.scope.period}", block.span
        )
        return None
    return open_keys[0], moments[0]


def _one(low: Lowering, block: ast.Block, word: str) -> ast.Step | None:
    found = [s for s in block.steps if s.word == word]
    if len(found) == 1:
        return found[0]
    if not found:
        example = {
            "attribute": f"attribute to {low.scope.unit} by COLUMN",
            "amount": "amount COLUMN",
            "numerator": "numerator COLUMN",
            "denominator": "denominator COLUMN",
        }
        low.error(
            "missing-clause",
            f"{block.kind} `{block.name}` has no `{word}` clause",
            block.span,
            f"write `{example[word]}`",
        )
    else:
        low.error(
            "duplicate-clause", f"{block.kind} `{block.name}` has two `{word}` clauses", found[1].span, "keep one"
        )
    return None


def _months(low: Lowering, table: TableSchema, block: ast.Block) -> RowExpr | None:
    stated = next((s for s in block.steps if s.word == "months"), None)
    if stated is None:
        return RowExpr("const", value=1, scale=0, origin=block.span)
    assert stated.argument is not None
    found = rows.lower_row(low, table, stated.argument)
    return None if found is None else found.expr


def _reasons(low: Lowering, table: TableSchema, block: ast.Block, unit: rows.Row) -> RowExpr | None:
    """A text: the first reason why a row does not count; missing where it counts."""
    cases: list[RowExpr] = [RowExpr("missing", (unit.expr,), kind="flag"), _text("not attributed")]
    ok = True
    for step in block.steps:
        if step.word not in ("where", "exclude"):
            continue
        assert step.argument is not None
        condition = rows.lower_row(low, table, step.argument, FLAG)
        if condition is None:
            ok = False
            continue
        reason = step.get("reason")
        words = (
            reason.value
            if isinstance(reason, ast.Text)
            else f"{'not ' if step.word == 'where' else ''}{_words(step.argument)}"
        )
        unknown = RowExpr("missing", (condition.expr,), kind="flag", origin=step.span)
        cases += [unknown, _text(f"unknown whether {_words(step.argument)}")]
        excluded = (
            condition.expr
            if step.word == "exclude"
            else RowExpr("not", (condition.expr,), kind="flag", origin=step.span)
        )
        cases += [excluded, _text(words)]
    return (
        RowExpr("case", (*cases, RowExpr("const", value=None, kind="text")), kind="text", origin=block.span)
        if ok
        else None
    )


def _words(e: ast.Expr) -> str:
    return " ".join(e.span.text.split())


def _text(words: str) -> RowExpr:
    return RowExpr("const", value=words, kind="text")


def _columns(table: TableSchema) -> tuple[str, ...]:
    return (*(k.name for k in table.keys), *(c.name for c in table.columns))


def _step(low: Lowering, name: str, relation: relations.Relation, origin: Span, description: str) -> str:
    low.steps.append(relations.Step(name, relation, origin, description))
    return name


def _settlement_keys(low: Lowering) -> tuple[tuple[str, str], ...]:
    return ((low.scope.unit, UNIT), (low.scope.period, PERIOD))


def _column(name: str, kind: str = "int", scale: int = 0) -> RowExpr:
    return RowExpr("column", value=name, kind=kind, scale=scale)


def _population_outputs(low: Lowering, name: str, block: ast.Block, scale: int) -> None:
    span = block.span
    totals = (
        relations.Measure("member_months", "sum", _column(MONTHS, scale=scale)),
        relations.Measure("members", "count_distinct", _column(MEMBER_KEY, "text")),
    )
    _step(
        low,
        f"{name}.totals",
        relations.Group(f"{name}.counted", (UNIT, PERIOD), totals),
        span,
        "member-months and members",
    )
    low.outputs.append(
        relations.Output(
            name,
            f"{name}.totals",
            _settlement_keys(low),
            (("member_months", "member_months", scale), ("members", "members", 0)),
            ("member_months", "members"),
        )
    )
    account = (relations.Measure("rows", "count"), relations.Measure("months", "sum", _column(MONTHS, scale=scale)))
    _step(
        low,
        f"{name}.account",
        relations.Group(f"{name}.marked", (UNIT, PERIOD, REASON), account),
        span,
        "rows by reason",
    )
    low.accounts.append(
        relations.Account(name, f"{name}.account", _settlement_keys(low), (("months", "months", scale),), REASON)
    )
    for column, unit, label in (("member_months", MEMBER_MONTH, "member-months"), ("members", MEMBER, "members")):
        type_ = Type(Kind.COUNT, unit, low.settled, step=Fraction(1, 10 ** (scale if column == "member_months" else 0)))
        cell = low.emit(nodes.Cell(name, column), (), type_, span)
        low.register(f"{name}.{column}", cell, "input", f"{name} {label}", span, name)


def _home(low: Lowering, name: str, span: Span, moment: str) -> str:
    """One row per member and period: that of the last month that counts."""
    last = relations.Measure("last_moment", "max", _column(moment, "text"))
    _step(
        low,
        f"{name}.last",
        relations.Group(f"{name}.counted", (MEMBER_KEY, PERIOD), (last,)),
        span,
        "last month of each member",
    )
    on = ((MEMBER_KEY, MEMBER_KEY), (PERIOD, PERIOD), (moment, "last_moment"))
    return _step(
        low,
        f"{name}.home",
        relations.Join(f"{name}.counted", f"{name}.last", on, ()),
        span,
        "the row of the last month",
    )


# Spending ------------------------------------------------------------------------------------------------------------


def lower_spending(low: Lowering, name: str, block: ast.Block) -> bool:
    population = _population(low, block)
    amount_step = _one(low, block, "amount")
    if population is None or amount_step is None:
        return False
    assert amount_step.argument is not None
    amount = rows.lower_row(low, population.table, amount_step.argument)
    if amount is None:
        return False
    if amount.type.unit != USD:
        low.error(
            "unit-mismatch",
            f"spending adds up money, here is `{amount.type.unit}`",
            amount_step.argument.span,
            "name columns in `USD`",
        )
        return False
    counted = _spending_exclusions(low, name, block, population)
    if counted is None:
        return False
    scale = amount.expr.scale
    _step(
        low,
        f"{name}.rows",
        relations.Derive(counted, (("amount", amount.expr),)),
        amount_step.span,
        "the amount of each row",
    )
    truncate = next((s for s in block.steps if s.word == "truncate"), None)
    values = [("amount", "before any step" if truncate else "total", amount_step)]
    if truncate is not None:
        limit = rows.lower_row(low, population.table, truncate.argument) if truncate.argument is not None else None
        if limit is None or not _truncated(low, name, truncate, limit, scale):
            return False
        values.append(("truncate", "after truncation", truncate))
    else:
        measures = (relations.Measure("amount", "sum", _column("amount", scale=scale)),)
        _step(
            low, f"{name}.totals", relations.Group(f"{name}.rows", (UNIT, PERIOD), measures), block.span, "total amount"
        )
    columns = tuple((column, column, scale) for column, _, _ in values)
    low.outputs.append(
        relations.Output(name, f"{name}.totals", _settlement_keys(low), columns, tuple(c for c, _, _ in values))
    )
    running: Ref | None = None
    for column, label, step in values:
        type_ = Type(Kind.MONEY, USD, low.settled, step=Fraction(1, 10**scale))
        cell = low.emit(nodes.Cell(name, column), (), type_, step.span)
        running = low.register(f"{name}.{column}", cell, "input", f"{name} {label}", step.span, name, step.word)
    assert running is not None
    return _spending_totals(low, name, block, running)


def _population(low: Lowering, block: ast.Block) -> Population | None:
    assert block.subject is not None
    low.used.add(block.subject.text)
    found = low.populations.get(block.subject.text)
    if found is None and block.subject.text not in low.broken:
        low.scope.unknown(block.subject, list(low.populations), "population")
    return found


def _spending_exclusions(low: Lowering, name: str, block: ast.Block, population: Population) -> str | None:
    """The step whose rows carry the spending: the population's, less the excluded ones."""
    excluded = [s for s in block.steps if s.word == "exclude"]
    if not excluded:
        return population.counted
    cases: list[RowExpr] = []
    for step in excluded:
        assert step.argument is not None
        condition = rows.lower_row(low, population.table, step.argument, FLAG)
        if condition is None:
            return None
        reason = step.get("reason")
        words = reason.value if isinstance(reason, ast.Text) else _words(step.argument)
        cases += [
            RowExpr("missing", (condition.expr,), kind="flag"),
            _text(f"unknown whether {_words(step.argument)}"),
            condition.expr,
            _text(words),
        ]
    reasons = RowExpr("case", (*cases, RowExpr("const", value=None, kind="text")), kind="text", origin=block.span)
    _step(
        low, f"{name}.marked", relations.Derive(population.counted, ((REASON, reasons),)), block.span, "rows carved out"
    )
    _step(
        low,
        f"{name}.account",
        relations.Group(f"{name}.marked", (UNIT, PERIOD, REASON), (relations.Measure("rows", "count"),)),
        block.span,
        "rows by reason",
    )
    low.accounts.append(relations.Account(f"{name}.exclude", f"{name}.account", _settlement_keys(low), reason=REASON))
    kept = RowExpr("missing", (_column(REASON, "text"),), kind="flag")
    return _step(low, f"{name}.kept", relations.Filter(f"{name}.marked", kept), block.span, "rows not carved out")


def _truncated(low: Lowering, name: str, step: ast.Step, limit: rows.Row, scale: int) -> bool:
    """`truncate at X per member per year`: the member's total in the period, not above X, per unit."""
    if step.get("prorated") is not None:
        low.error(
            "unsupported", "prorated truncation comes with the member-period blocks", step.span, "leave `prorated` out"
        )
        return False
    if limit.expr.op not in ("const", "rescale") or limit.type.unit != USD:
        low.error(
            "unit-mismatch",
            "`truncate at` needs an amount of money",
            step.span,
            "write `truncate at $250_000 per member per year`",
        )
        return False
    if low.scope.period != "year":
        low.error(
            "grain-mismatch",
            f"truncation per year needs a settlement per year, this one is per {low.scope.period}",
            step.span,
        )
        return False
    per_member = (relations.Measure("amount", "sum", _column("amount", scale=scale)),)
    _step(
        low,
        f"{name}.member",
        relations.Group(f"{name}.rows", (UNIT, PERIOD, MEMBER_KEY), per_member),
        step.span,
        "total of each member",
    )
    top, cost = rows.aligned(limit.expr, _column("amount", scale=scale))
    if cost.scale != scale:
        low.error("unit-mismatch", "the limit has more decimals than the amounts", step.span)
        return False
    kept = RowExpr("least", (cost, top), scale=scale, origin=step.span)
    cut = RowExpr(
        "case", (RowExpr(">", (cost, top), kind="flag"), RowExpr("const", value=1), RowExpr("const", value=0))
    )
    _step(
        low,
        f"{name}.cut",
        relations.Derive(f"{name}.member", (("truncate", kept), ("cut", cut))),
        step.span,
        "not above the limit",
    )
    sums = (
        relations.Measure("amount", "sum", _column("amount", scale=scale)),
        relations.Measure("truncate", "sum", _column("truncate", scale=scale)),
        relations.Measure("rows", "sum", _column("cut")),
    )
    _step(
        low,
        f"{name}.totals",
        relations.Group(f"{name}.cut", (UNIT, PERIOD), sums),
        step.span,
        "totals before and after truncation",
    )
    low.accounts.append(
        relations.Account(
            f"{name}.truncate",
            f"{name}.totals",
            _settlement_keys(low),
            (("amount", "amount", scale), ("truncate", "truncate", scale)),
        )
    )
    return True


def _spending_totals(low: Lowering, name: str, block: ast.Block, running: Ref) -> bool:
    for step in block.steps:
        if step.word == "complete":
            assert step.argument is not None
            factor = expressions.numeric(low, step.argument, "`complete`")
            after = None if factor is None else expressions.operate(low, "/", running, factor, step.span)
            if after is None:
                return False
            running = low.register(
                f"{name}.complete", after, "step", f"{name} completed for run-out", step.span, name, "complete"
            )
    total = low.register(f"{name}.total", running, "amount", f"{name} total", block.span, name)
    low.also(name, total)
    assert block.subject is not None
    months = low.values[f"{block.subject.text}.member_months"]
    pmpm = expressions.operate(low, "/", total, months, block.span)
    if pmpm is None:
        return False
    low.register(f"{name}.pmpm", pmpm, "step", f"{name} pmpm", block.span, name)
    return True


# Measures ------------------------------------------------------------------------------------------------------------


def lower_measure(low: Lowering, name: str, block: ast.Block) -> bool:
    """A proportion: sum of numerators over sum of denominators of the population's members."""
    population = _population(low, block)
    table = _table(low, block) if block.source is not None else (population.table if population else None)
    numerator, denominator = _one(low, block, "numerator"), _one(low, block, "denominator")
    if population is None or table is None or numerator is None or denominator is None:
        return False
    own = _member_keys(low, table, replace(block, steps=()))
    if own is None:
        return False
    member, moment = own
    sums: list[tuple[str, rows.Row]] = []
    for column, step in (("numerator", numerator), ("denominator", denominator)):
        assert step.argument is not None
        found = rows.lower_row(low, table, step.argument)
        if found is None:
            return False
        sums.append((column, rows.counted(found)))
    left_out = _measure_reasons(low, table, block)
    if left_out is None:
        return False
    span = block.span
    _step(low, f"{name}.scan", relations.Scan(table.name, _columns(table)), span, f"rows of {table.name}")
    period = RowExpr(
        "period", (RowExpr("column", value=moment, kind="text"),), value=PERIODS[low.scope.period], kind="text"
    )
    placed = ((PERIOD, period), (MEMBER_KEY, RowExpr("column", value=member, kind="text")))
    _step(low, f"{name}.placed", relations.Derive(f"{name}.scan", placed), span, "member and period of each row")
    joined = relations.Join(
        f"{name}.placed", population.home, ((MEMBER_KEY, MEMBER_KEY), (PERIOD, PERIOD)), ((UNIT, UNIT),), left=True
    )
    _step(
        low, f"{name}.joined", joined, span, f"the unit of the member in {block.subject.text if block.subject else ''}"
    )
    _step(
        low,
        f"{name}.marked",
        relations.Derive(f"{name}.joined", ((REASON, left_out),)),
        span,
        "the reason why a row does not count",
    )
    counts = RowExpr("missing", (_column(REASON, "text"),), kind="flag")
    _step(low, f"{name}.counted", relations.Filter(f"{name}.marked", counts), span, "rows that count")
    _step(
        low,
        f"{name}.values",
        relations.Derive(f"{name}.counted", tuple((c, r.expr) for c, r in sums)),
        span,
        "numerator and denominator of each row",
    )
    measures = tuple(relations.Measure(c, "sum", _column(c, scale=r.expr.scale)) for c, r in sums)
    _step(low, f"{name}.totals", relations.Group(f"{name}.values", (UNIT, PERIOD), measures), span, "sum over sum")
    columns = tuple((c, c, r.expr.scale) for c, r in sums)
    low.outputs.append(
        relations.Output(name, f"{name}.totals", _settlement_keys(low), columns, tuple(c for c, _ in sums))
    )
    _step(
        low,
        f"{name}.account",
        relations.Group(f"{name}.marked", (UNIT, PERIOD, REASON), (relations.Measure("rows", "count"),)),
        span,
        "rows by reason",
    )
    low.accounts.append(relations.Account(name, f"{name}.account", _settlement_keys(low), reason=REASON))
    return _measure_values(low, name, block, sums)


def _measure_reasons(low: Lowering, table: TableSchema, block: ast.Block) -> RowExpr | None:
    assert block.subject is not None
    cases: list[RowExpr] = []
    for step in block.steps:
        if step.word in ("where", "exclude"):
            assert step.argument is not None
            condition = rows.lower_row(low, table, step.argument, FLAG)
            if condition is None:
                return None
            reason = step.get("reason")
            words = (
                reason.value
                if isinstance(reason, ast.Text)
                else ("not " if step.word == "where" else "") + _words(step.argument)
            )
            excluded = condition.expr if step.word == "exclude" else RowExpr("not", (condition.expr,), kind="flag")
            cases += [
                RowExpr("missing", (condition.expr,), kind="flag"),
                _text(f"unknown whether {_words(step.argument)}"),
                excluded,
                _text(words),
            ]
    cases += [RowExpr("missing", (_column(UNIT, "text"),), kind="flag"), _text(f"member not in `{block.subject.text}`")]
    return RowExpr("case", (*cases, RowExpr("const", value=None, kind="text")), kind="text", origin=block.span)


def _measure_values(low: Lowering, name: str, block: ast.Block, sums: list[tuple[str, rows.Row]]) -> bool:
    for column, row in sums:
        unit = row.type.unit if row.type.unit.powers else EVENT
        type_ = Type(Kind.COUNT, unit, low.settled, step=Fraction(1, 10**row.expr.scale))
        step = next(s for s in block.steps if s.word == column)
        cell = low.emit(nodes.Cell(name, column), (), type_, step.span)
        low.register(f"{name}.{column}", cell, "input", f"{name} {column}", step.span, name, column)
    rate = expressions.operate(low, "/", low.values[f"{name}.numerator"], low.values[f"{name}.denominator"], block.span)
    if rate is None:
        return False
    if low.type(rate).kind is Kind.NUMBER:
        rate = low.emit(nodes.Alias(), (rate,), replace(low.type(rate), kind=Kind.PERCENT), block.span)
    reportable = next((s for s in block.steps if s.word == "reportable"), None)
    if reportable is not None:
        with low.local(name):
            condition = expressions.flag(low, reportable.get("when") or reportable.argument)  # type: ignore[arg-type]
        if condition is None:
            return False
        reason = f"`{name}` is reported {' '.join(reportable.span.text.split()[1:])}"
        absent = low.absent(State.NOT_REPORTABLE, reason, low.type(rate), reportable.span)
        type_ = replace(low.type(rate), absent=low.type(rate).absent | {State.NOT_REPORTABLE})
        rate = low.emit(nodes.Choose(), (condition, rate, absent), type_, reportable.span)
    rate = low.register(f"{name}.rate", rate, "amount", f"{name} rate", block.span, name)
    low.also(name, rate)
    return True
