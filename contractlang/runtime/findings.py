"""Findings of a run: payments that are held, and guarantees that do not hold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.engines.standing import Standing
from contractlang.runtime.provenance import Point, Provenance
from contractlang.runtime.result import Guarantee, Result, Status
from contractlang.runtime.words import both_sides

SHOWN = 5
"""Rows that a finding lists; the others are counted."""


def report_held(result: Result, found: Mapping[int, Standing], sink: Sink) -> None:
    """One finding per cell column that is missing, with the rows; one per other reason."""
    causes: dict[str, list[str]] = {}
    for row in result.rows[result.status[result.rows] == Status.HELD].tolist():
        for text, place in _causes(result, row, found[row]):
            causes.setdefault(text, []).append(place)
    for text, places in causes.items():
        shown = "\n".join(places[:SHOWN]) + (f"\n… and {len(places) - SHOWN} more" if len(places) > SHOWN else "")
        held = f"{len(places)} payment{'s are' if len(places) != 1 else ' is'} held"
        sink.report(
            Diagnostic(
                "held",
                f"{held}: {text}",
                notes=(shown,),
                help="complete the data, or say in the contract what applies instead (`when missing …`, `if missing`, `else`)",
            )
        )


def _causes(result: Result, row: int, why: Standing) -> list[tuple[str, str]]:
    """What is absent, and where, for each payment or requirement of a row that is held."""
    group, period = result.group(row), result.period(row)
    plan = result.programme.plans[period]
    key = {plan.unit: group, plan.period: period}
    indices = [requirement.condition for requirement, _ in why.undecided]
    if not indices:
        indices = [named.node for payment, _ in why.held if (named := plan.named(payment))]
    found = []
    for index in indices:
        for own in result.provenance.evaluator.expand(plan, index, key)[:1]:
            point = result.provenance.cause(Point(plan, index, key | own))
            found.append(_cause(result.provenance, point, f"{plan.unit} {group}, {period}"))
    return list(dict.fromkeys(found))


def _cause(provenance: Provenance, point: Point, who: str) -> tuple[str, str]:
    value = provenance.value(point)
    cell = provenance.cell(point)
    if cell is not None:
        return f"`{cell.table}.{cell.column}` is {value}", f"{who}: {cell}"
    words = " ".join(point.node.origin.text.split())
    return f"`{words}` is {value}", f"{who}: {point.node.origin.place}"


def guarantees(result: Result, sink: Sink) -> tuple[Guarantee, ...]:
    """Every guarantee on the reported settled rows; a failing row is a finding with its amounts."""
    asked = np.zeros(len(result.settlement.frame), dtype=bool)
    asked[result.rows] = True
    asked &= result.status == Status.SETTLED
    found: dict[str, Guarantee] = {}
    for plan in result.plans:
        for assertion in plan.assertions:
            if assertion.condition is None:
                found.setdefault(assertion.title, Guarantee(assertion, 0, (), 0, condition_known=False))
                continue
            rows, yes, states = result.settlement.flags(plan, assertion.condition)
            mine = asked[rows]
            failed = rows[mine & (states == 0) & (yes == 0)].tolist()
            unknown = int(np.count_nonzero(mine & (states != 0)))
            held = int(np.count_nonzero(mine & (states == 0) & (yes == 1)))
            before = found.get(assertion.title)
            if before is not None and before.condition_known:
                held, unknown, failed = held + before.held, unknown + before.unknown, [*before.failed, *failed]
            found[assertion.title] = Guarantee(assertion, held, tuple(failed), unknown)
    for guarantee in found.values():
        if guarantee.failed:
            sink.report(_failure(result, guarantee))
    return tuple(found.values())


def _failure(result: Result, guarantee: Guarantee) -> Diagnostic:
    lines = []
    for row in guarantee.failed[:SHOWN]:
        plan = result.programme.plans[result.period(row)]
        conditions = [
            a.condition for a in plan.assertions if a.title == guarantee.assertion.title and a.condition is not None
        ]
        point = Point(plan, conditions[0], {plan.unit: result.group(row), plan.period: result.period(row)})
        lines.append(f"{plan.unit} {result.group(row)}, {result.period(row)}: {both_sides(result.provenance, point)}")
    count = len(guarantee.failed)
    if count > SHOWN:
        lines.append(f"… and {count - SHOWN} more")
    return Diagnostic(
        "guarantee-failed",
        f"guarantee `{guarantee.assertion.title}` does not hold on {count} of {guarantee.held + count + guarantee.unknown} rows",
        guarantee.assertion.origin,
        notes=("\n".join(lines),),
        help="change the clause that breaks it, or the guarantee",
    )
