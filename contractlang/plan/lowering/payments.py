"""`payment`: an amount in whole cents for every settled row."""

from __future__ import annotations

from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Edit, Fix, Label
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, ledger, months, remedies
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.rosters import above
from contractlang.plan.lowering.uplifts import lower_uplift, rounded
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import MEMBER_MONTH, PMPM, USD, Kind, Type
from contractlang.semantics.typing import described
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State

CENT = Fraction(1, 100)


def lower_payment(low: Lowering, name: str, item: ast.Payment) -> bool:
    """Register the payment; False after a report."""
    try:
        word = months.cadence_word(low, item)
    except ValueError:
        return False
    if word is not None and low.scope.pays is not None:
        first, last = low.scope.pays
        low.error(
            "unsupported",
            f"payment `{name}` is {item.cadence}, and the contract pays in other periods than it measures",
            first.span.to(last.span),
            f"leave `pays` out, or pay `{name}` in a contract of its own",
            labels=[
                Label(edits.word_in(item.span, item.cadence or ""), f"a {word} of the measured {low.scope.period}")
            ],
        )
        return False
    if item.uplift is None:
        ref = months.lower_timed(low, item.body, word)
    elif _once(low, name, item):
        ref = lower_uplift(low, name, item, item.uplift)
    else:
        return False
    if not _payee(low, name, item) or ref is None:
        return False
    level = item.payee.text if item.payee.text in low.scope.levels and item.through is None else None
    if not _money(low, name, item, ref) or not _per_row(low, name, item, ref, word, level):
        return False
    ref = _net(low, name, item, ref, word)
    if ref is None:
        return False
    step = low.type(ref).step
    if step is None or (step / CENT).denominator != 1:
        low.error(
            "payment-not-cents",
            f"payment `{name}` need not be whole cents",
            item.body.span if item.uplift is None else item.uplift.span,
            "round it where the contract says so: `round(… to cents, half away from zero)`"
            if item.uplift is None
            else "say how it is rounded: `, round to cents, half away from zero`",
            fixes=[_rounded(low, item.body) if item.uplift is None else rounded(item.uplift)],
        )
        return False
    ref = low.register(name, ref, "payment", name, item.span)
    finer = tuple(key for key in (word, level) if key is not None and key in low.type(ref).grain)
    if finer:
        type_ = low.type(ref)
        at = edits.word_in(item.span, name.rpartition(".")[2])
        whole = low.emit(nodes.Aggregate("sum", finer), (ref,), type_.at(type_.grain - set(finer)), at)
        low.register(
            f"{name}.{nodes.WHOLE_PAYMENT}", whole, "total", f"{name}, the whole {low.scope.period}", item.span
        )
    return True


def _once(low: Lowering, name: str, item: ast.Payment) -> bool:
    """A fee uplift is paid on the services of the settled period as a whole."""
    if item.cadence is None:
        return True
    word = edits.word_in(item.span, item.cadence)
    low.error(
        "unsupported",
        f"payment `{name}` is a fee uplift, and fee uplifts are not paid {item.cadence} yet",
        word,
        "pay once per settlement period",
        fixes=[edits.instead(Span(word.file, word.start - 1, word.end), "", f"leave `{item.cadence}` out")],
    )
    return False


def _net(low: Lowering, name: str, item: ast.Payment, ref: Ref, word: str | None) -> Ref | None:
    """The payment less what was paid before."""
    if item.net and word is not None:
        low.error(
            "unsupported",
            f"payment `{name}` is {item.cadence}, and what was paid before is known for the {low.scope.period} as a whole",
            item.net[0].span,
            f"net a payment of the {low.scope.period}: `payment rest to {low.scope.unit} = sum({name} over {word}), "
            f"net of {item.net[0].text}`",
        )
        return None
    return ledger.net_payment(low, name, ref, item.net)


def _payee(low: Lowering, name: str, item: ast.Payment) -> bool:
    """Whether the payment says whom it goes to: the settled unit, or what a column names for it."""
    word = item.payee.text
    if item.through is not None:
        return _through(low, name, item, item.through)
    if word == low.scope.unit or word in low.scope.levels:
        return True
    columns = [f"{t.name}.{c.name}" for t in low.declared.inputs.values() for c in t.columns if _names(low, t, c.type)]
    near = [c for c in columns if c.rpartition(".")[2] == word] or columns
    keys = {key.text for i in low.scope.items.values() if isinstance(i, ast.Input) for key in i.keys}
    if near or word in keys:
        low.error(
            "missing-clause",
            f"payment `{name}` goes to each {word}, and the contract settles per {low.scope.unit}",
            item.payee.span,
            f"say which {word} that is: `to {word} by {near[0] if near else 'TABLE.COLUMN'}`",
            fixes=[
                edits.instead(item.payee.span, low.scope.unit, f"pay the {low.scope.unit}"),
                *([edits.instead(item.payee.span, f"{word} by {near[0]}")] if near else []),
            ],
        )
        return False
    low.error(
        "unknown-name",
        f"`{word}` is not what the contract settles",
        item.payee.span,
        f"write `payment {name} to {low.scope.unit} = …`",
        fixes=[edits.instead(item.payee.span, low.scope.unit)],
    )
    return False


def _names(low: Lowering, table: TableSchema, type_: Type) -> bool:
    """Whether a column may say who is paid: a text for each settled row."""
    keys = {k.name for k in table.keys}
    return type_.kind is Kind.TEXT and not table.member_level and low.scope.unit in keys and keys <= low.settled


def _through(low: Lowering, name: str, item: ast.Payment, through: ast.Name) -> bool:
    """Register who is paid, `NAME.payee`."""
    if item.payee.text == low.scope.unit:
        low.error(
            "duplicate-clause",
            f"payment `{name}` goes to the settled {low.scope.unit}, which needs no column",
            through.span,
            f"name another payee, or leave `by {through.text}` out",
            fixes=[edits.without(Span(through.span.file, item.payee.span.end, through.span.end), "leave it out")],
        )
        return False
    ref = _by_roster(low, through) if through.parts[0] in low.rosters else expressions.lower_expression(low, through)
    if ref is None:
        return False
    type_ = low.type(ref)
    if type_.kind not in (Kind.TEXT, Kind.CATEGORY):
        low.error(
            "kind-mismatch",
            f"`{through.text}` is {described(type_)}, and does not name a {item.payee.text}",
            through.span,
            f"declare a column `{item.payee.text} key`",
        )
        return False
    if low.beyond(ref):
        low.too_fine(ref, through, f"`{through.text}`", low.beyond(ref))
        return False
    if type_.absent & {State.NOT_APPLICABLE, State.NOT_REPORTABLE}:
        low.error(
            "absence-in-payment",
            f"payment `{name}` can have no {item.payee.text}: `{through.text}` can be {max(type_.absent).words}",
            through.span,
            "leave `when missing …` out of the column: then a payment without a payee is held",
        )
        return False
    payee = f"{name}.payee"
    low.register(payee, ref, "payee", f"{item.payee.text} that {name} is paid to", through.span)
    low.payees.append(nodes.Payee(name, item.payee.text, payee))
    return True


def _by_roster(low: Lowering, through: ast.Name) -> Ref | None:
    """`to po by practices.po`: what the settled unit belongs to, by the roster of a day of the period."""
    roster = low.rosters[through.parts[0]]
    low.used.add(roster.name)
    level = ".".join(through.parts[1:])
    unit = low.scope.unit
    higher = roster.levels[roster.levels.index(unit) + 1 :] if unit in roster.levels else ()
    if level not in higher:
        low.scope.unknown(through, [f"{roster.name}.{h}" for h in higher], f"level above each {unit}")
        return None
    if roster.as_of == "month":
        low.error(
            "missing-clause",
            f"roster `{roster.name}` may name several of `{level}` within a {low.scope.period}",
            through.span,
            "let one day decide: `as of period start`, in this roster or in another one over the same table",
        )
        return None
    text = Type(Kind.TEXT, grain=low.settled, absent=frozenset({State.MISSING}))
    return low.emit(nodes.Cell(above(low, roster, level, through.span), level), (), text, through.span)


def _money(low: Lowering, name: str, item: ast.Payment, ref: Ref) -> bool:
    type_ = low.type(ref)
    if type_.unit == USD and type_.kind is Kind.MONEY:
        return True
    fixes: tuple[Fix, ...] = ()
    help_ = "a payment needs an amount in `USD`"
    if type_.unit == PMPM:
        help_ = "multiply by member_months"
        months = remedies.quantity(low, MEMBER_MONTH)
        if months is not None and not isinstance(item.body, ast.Cases):
            product = remedies.behind(item.body, f" * {months}").edits
            fixes = (Fix(f"multiply by {months} and round to cents", _joined(product, _around(item.body.span))),)
    elif isinstance(item.body, ast.Number):
        fixes = remedies.in_unit(item.body, low.type(low.zero_money(item.span)))
    elif type_.kind is Kind.PERCENT and (money := remedies.quantity(low, USD)) is not None:
        help_ = f"say what the percentage is of: `… of {money}`"
        fixes = () if isinstance(item.body, ast.Cases) else (remedies.behind(item.body, f" * {money}"),)
    low.error(
        "unit-mismatch",
        f"payment `{name}` is {described(type_)}, not `USD`",
        item.body.span,
        help_,
        fixes=fixes,
    )
    return False


def _per_row(low: Lowering, name: str, item: ast.Payment, ref: Ref, word: str | None, level: str | None) -> bool:
    """Whether the payment has one amount for each settled unit, or for each of the level that it goes to."""
    extra = [key for key in low.beyond(ref) if key not in (word, level)]
    if level is not None and level not in low.type(ref).grain:
        low.error(
            "grain-mismatch",
            f"payment `{name}` goes to each {level}, and its amount is that of the whole {low.scope.unit}",
            item.body.span,
            f"say what each {level} receives: a value that varies by {level}",
        )
        return False
    if extra:
        low.too_fine(ref, item.body, f"payment `{name}`", extra)
    return not extra


def _rounded(low: Lowering, body: ast.Body) -> Fix:
    """Round the amount, or every amount of the cases that need not be whole cents."""
    if not isinstance(body, ast.Cases):
        return Fix("round to cents", _around(body.span))
    changed: list[Edit] = []
    for case in body.cases:
        type_ = low.probe(case.value)
        if type_ is None or type_.step is None or (type_.step / CENT).denominator != 1:
            changed += _around(case.value.span)
    return Fix("round to cents", tuple(changed))


def _joined(inner: tuple[Edit, ...], outer: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """Two pairs of insertions at the two ends of the same words, as one."""
    head = outer[0].text + "".join(e.text for e in inner if e.span.start == outer[0].span.start)
    tail = "".join(e.text for e in inner if e.span.start == outer[1].span.start) + outer[1].text
    return (Edit(outer[0].span, head), Edit(outer[1].span, tail))


def _around(span: Span) -> tuple[Edit, ...]:
    return (edits.before(span, "round("), edits.after(span, " to cents, half away from zero)"))
