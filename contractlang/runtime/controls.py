"""Controls: totals that must agree with stated figures before a settlement is believed."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.plan.nodes import Control, Plan
from contractlang.runtime.formatting import rounded
from contractlang.values import Absent, Value

if TYPE_CHECKING:
    from contractlang.runtime.result import Result


@dataclass(frozen=True, slots=True)
class Outcome:
    """A control in one place: the keys along which it varies, both sides, the most they may differ, and the verdict."""

    control: Control
    plan: Plan
    key: tuple[tuple[str, str], ...]
    left: Value
    right: Value
    most: Value
    agrees: bool

    @property
    def words(self) -> str:
        """`tied, 2011: $5,480,221.10 against $5,000,000.00`."""
        where = ", ".join(label for _, label in self.key)
        left, right = (
            rounded(v, self.plan.nodes[n].type)
            for v, n in ((self.left, self.control.left), (self.right, self.control.right))
        )
        return f"{self.control.name}{', ' if where else ''}{where}: {left} against {right}"


def check_controls(result: Result, sink: Sink) -> tuple[Outcome, ...]:
    """Every control of the reported rows; those that do not agree are one finding per control."""
    if not any(plan.controls for plan in result.plans):
        return ()
    found: dict[tuple[str, tuple[tuple[str, str], ...]], Outcome] = {}
    for row in result.rows.tolist():
        plan = result.programme.plans[result.period(row)]
        labels = {plan.unit: result.group(row), plan.period: result.period(row)}
        for control in plan.controls:
            grain = plan.nodes[control.left].type.grain | plan.nodes[control.right].type.grain
            key = tuple((k, labels[k]) for k in (plan.unit, plan.period) if k in grain)
            if (control.name, key) not in found:
                found[control.name, key] = _outcome(result, plan, control, key, labels)
    _report(tuple(found.values()), sink)
    return tuple(found.values())


def _outcome(
    result: Result, plan: Plan, control: Control, key: tuple[tuple[str, str], ...], labels: dict[str, str]
) -> Outcome:
    value = result.provenance.evaluator.value
    left, right = value(plan, control.left, labels), value(plan, control.right, labels)
    most: Value = Fraction(0) if control.tolerance is None else value(plan, control.tolerance, labels)
    agrees = (
        isinstance(left, Fraction)
        and isinstance(right, Fraction)
        and isinstance(most, Fraction)
        and abs(left - right) <= most
    )
    return Outcome(control, plan, key, left, right, most, agrees)


def _report(outcomes: tuple[Outcome, ...], sink: Sink) -> None:
    failed: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if not outcome.agrees:
            failed.setdefault(outcome.control.name, []).append(outcome)
    for name, places in failed.items():
        total = sum(1 for o in outcomes if o.control.name == name)
        absent = any(isinstance(v, Absent) for o in places for v in (o.left, o.right))
        sink.report(
            Diagnostic(
                "control-failed",
                f"control `{name}` does not agree in {len(places)} of {total} places",
                places[0].control.origin,
                notes=tuple(o.words for o in places[:5]),
                help="complete the stated figures"
                if absent
                else "find the rows that are missing or doubled before paying on this data",
            )
        )
