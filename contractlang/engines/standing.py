"""Which rows are not settled, and why: requirements that are not met, and payments that cannot be computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contractlang.engines.base import Settlement
from contractlang.plan.nodes import Plan, Requirement
from contractlang.values import Absent, State


@dataclass(frozen=True)
class Standing:
    """Why a row is not settled.

    `refused`: requirements that are not met. `undecided`: requirements whose condition is absent. `held`: payments that
    are absent, with the first absence found (a payment of a finer grain has several values).
    """

    refused: tuple[Requirement, ...] = ()
    undecided: tuple[tuple[Requirement, Absent], ...] = ()
    held: tuple[tuple[str, Absent], ...] = ()


def standing(settlement: Settlement) -> Mapping[int, Standing]:
    """The rows that are not settled, by row of the frame, in order. A refused row is not asked for its payments."""
    refused: dict[int, list[Requirement]] = {}
    undecided: dict[int, list[tuple[Requirement, Absent]]] = {}
    held: dict[int, list[tuple[str, Absent]]] = {}
    plans = {id(plan): plan for plan in settlement.programme.plans.values()}
    for plan in plans.values():
        for requirement in plan.requirements:
            rows, yes, states = settlement.flags(plan, requirement.condition)
            for row in rows[(yes == 0) & (states == 0)].tolist():
                refused.setdefault(row, []).append(requirement)
            for row in rows[states != 0].tolist():
                reason = _value(settlement, plan, requirement.condition, row)
                undecided.setdefault(row, []).append((requirement, reason))
    absences = [
        *_absent_payments(settlement, tuple(plans.values())),
        *_absent_payees(settlement, tuple(plans.values())),
    ]
    for row, payment, absent in absences:
        if row not in refused:
            held.setdefault(row, []).append((payment, absent))
    return {
        row: Standing(tuple(refused.get(row, ())), tuple(undecided.get(row, ())), tuple(held.get(row, ())))
        for row in sorted({*refused, *undecided, *held})
    }


def _absent_payments(settlement: Settlement, plans: tuple[Plan, ...]) -> list[tuple[int, str, Absent]]:
    found: list[tuple[int, str, Absent]] = []
    for payment in dict.fromkeys(name for plan in plans for name in plan.payments):
        names = {named.name for plan in plans if (named := plan.paid(payment)) is not None}
        if len(names) == 1 and all(_settled(plan, payment) for plan in plans):
            _, states = settlement.decimals(min(names), 0)
            rows = [row for row in states.nonzero()[0].tolist() if _pays(settlement, payment, row)]
        else:
            rows = [row for row in range(len(settlement.frame)) if _pays(settlement, payment, row)]
        for row in rows:
            plan = settlement.programme.plans[settlement.frame.periods[row]]
            named = plan.paid(payment)
            absent = None if named is None else _first_absence(settlement, plan, named.node, row)
            if absent is not None:
                found.append((row, payment, absent))
    return found


def _absent_payees(settlement: Settlement, plans: tuple[Plan, ...]) -> list[tuple[int, str, Absent]]:
    """Rows for which nobody is named to receive a payment."""
    found: list[tuple[int, str, Absent]] = []
    for payee in dict.fromkeys(p for plan in plans for p in plan.payees):
        for row, value in enumerate(settlement.values(payee.name)):
            plan = settlement.programme.plan(settlement.frame.periods[row])
            if isinstance(value, Absent) and plan is not None and payee in plan.payees:
                found.append((row, f"the {payee.what} of {payee.payment}", value))
    return found


def _pays(settlement: Settlement, payment: str, row: int) -> bool:
    plan = settlement.programme.plan(settlement.frame.periods[row])
    return plan is not None and payment in plan.payments


def _settled(plan: Plan, payment: str) -> bool:
    named = plan.paid(payment)
    return named is None or plan.nodes[named.node].type.grain <= plan.settled


def _first_absence(settlement: Settlement, plan: Plan, node: int, row: int) -> Absent | None:
    evaluator = settlement.evaluator
    key = {plan.unit: settlement.frame.units[row], plan.period: settlement.frame.periods[row]}
    values = (evaluator.value(plan, node, key | own) for own in evaluator.expand(plan, node, key))
    return next((value for value in values if isinstance(value, Absent)), None)


def _value(settlement: Settlement, plan: Plan, node: int, row: int) -> Absent:
    key = {plan.unit: settlement.frame.units[row], plan.period: settlement.frame.periods[row]}
    value = settlement.evaluator.value(plan, node, key)
    return value if isinstance(value, Absent) else Absent(State.MISSING)
