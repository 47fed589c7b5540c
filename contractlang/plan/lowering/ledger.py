"""The ledger: what was paid before, as a reserved input with a row for each payment made.

`ledger.care_fee` is what was paid as `care_fee` to a unit for a settled period: the sum of the rows of that payment, $0
where there is none. `net of ledger.care_fee` takes it off.
"""

from __future__ import annotations

from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.plan import nodes, relations
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import pipeline, references
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.reduction import PERIOD, UNIT, column, period_of, step
from contractlang.plan.relations import RowExpr
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.scope import LEDGER
from contractlang.semantics.types import USD, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast

CENT = Fraction(1, 100)
DATE, DAY = "date", "paid_on"


def paid_before(low: Lowering, name: ast.Name, rest: tuple[str, ...]) -> Ref | None:
    """`ledger.PAYMENT`, at the grain of the settlement."""
    payments = [n for n, item in low.scope.items.items() if isinstance(item, ast.Payment)]
    payment = ".".join(rest)
    if payment not in payments:
        low.scope.unknown(name, [f"{LEDGER}.{p}" for p in payments], "payment of the ledger")
        return None
    full = f"{LEDGER}.{payment}"
    if full not in low.values:
        low.declared.inputs.setdefault(LEDGER, _schema(low, tuple(payments), name.span))
        _added_up(low, payment, full, name.span)
        type_ = Type(Kind.MONEY, USD, low.settled, step=CENT)
        cell = low.emit(nodes.Cell(full, "amount"), (), type_, name.span)
        low.register(full, cell, "input", f"{payment}, paid before", name.span)
    return low.builder.read(low.values[full], name.span)


def netted(low: Lowering, name: ast.Name, what: str) -> Ref | None:
    """What `net of NAME` takes off: an amount for each settled row."""
    ref = references.lower_name(low, name)
    if ref is None:
        return None
    type_ = low.type(ref)
    if type_.unit != USD or type_.kind is not Kind.MONEY:
        low.error(
            "unit-mismatch",
            f"`net of` takes off an amount in `USD`, here is {type_}",
            name.span,
            f"name what was paid: `net of {LEDGER}.{what}`, or an amount of an input",
            fixes=[edits.instead(name.span, f"{LEDGER}.{what}")] if LEDGER not in low.scope.items else [],
        )
        return None
    if extra := low.beyond(ref):
        low.too_fine(ref, name, f"`{name.text}`", extra)
        return None
    return ref


def net_payment(low: Lowering, name: str, earned: Ref, nets: tuple[ast.Name, ...]) -> Ref | None:
    """A payment less what was paid before; what is due may be negative."""
    for number, part in enumerate(nets):
        paid = netted(low, part, name)
        if paid is None:
            return None
        if not number:
            earned = low.register(f"{name}.earned", earned, "earned", f"{name} before what was paid", part.span)
        due = pipeline.difference(low, earned, paid, part.span)
        if due is None:
            return None
        earned = due
    return earned


def _schema(low: Lowering, payments: tuple[str, ...], span: Span) -> TableSchema:
    keys = (
        KeyColumn("payment", "category", payments),
        KeyColumn(low.scope.unit, "unit"),
        KeyColumn(low.scope.period, "period"),
        KeyColumn(DATE, "date"),
    )
    amount = ColumnSchema("amount", Type(Kind.MONEY, USD, step=CENT), decimals=2, span=span)
    return TableSchema(
        LEDGER, "input", keys, (amount,), member_level=True, span=span, year_starts=low.scope.first_month
    )


def _added_up(low: Lowering, payment: str, full: str, span: Span) -> None:
    """The rows of one payment by unit and period, and by date for those who ask."""
    names = ("payment", low.scope.unit, low.scope.period, DATE, "amount")
    if not any(s.name == f"{LEDGER}.scan" for s in low.steps):
        step(low, f"{LEDGER}.scan", relations.Scan(LEDGER, names), span, "payments made before")
    derived = (
        (UNIT, column(low.scope.unit, "text")),
        (PERIOD, period_of(low, low.scope.period, span)),
        (DAY, RowExpr("written", (column(DATE, "date"),), kind="text", origin=span)),
    )
    rows, kept = f"{full}.rows", f"{full}.own"
    own = RowExpr("is", (column("payment", "text"), RowExpr("const", value=payment, kind="text")), kind="flag")
    step(low, kept, relations.Filter(f"{LEDGER}.scan", own), span, f"those of {payment}")
    step(low, rows, relations.Derive(kept, derived), span, "unit, period and day of each")
    total = relations.Measure("amount", "sum", column("amount", scale=2))
    count = relations.Measure("rows", "count")
    settled = ((low.scope.unit, UNIT), (low.scope.period, PERIOD))
    step(low, full, relations.Group(rows, (UNIT, PERIOD), (total,)), span, "added up")
    low.outputs.append(relations.Output(full, full, settled, (("amount", "amount", 2),), ("amount",)))
    by_day = relations.Group(rows, (UNIT, PERIOD, DAY), (count, total))
    step(low, f"{full}.by_day", by_day, span, "by day")
    keys = (*settled, (DATE, DAY))
    low.accounts.append(relations.Account(full, f"{full}.by_day", keys, (("amount", "amount", 2),)))
