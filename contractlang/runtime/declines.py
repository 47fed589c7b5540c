"""Why an equity block pays nothing: the strata that are worse off than at their baseline, with their counts."""

from __future__ import annotations

from collections.abc import Mapping

from contractlang.plan.nodes import Named, Plan
from contractlang.runtime.formatting import exactly
from contractlang.runtime.provenance import Point, Provenance
from contractlang.semantics.types import Kind, Type
from contractlang.values import Absent, State

COUNT = Type(Kind.NUMBER)


def decline_notes(provenance: Provenance, point: Point, named: Named | None) -> tuple[str, ...]:
    """For the improvement or the guard of an equity block: one note for each stratum that declined; else nothing."""
    if named is None or named.block is None or named.name.rpartition(".")[2] not in ("improvement", "guard"):
        return ()
    return declines(provenance, point.plan, point.key, named.block)


def declines(provenance: Provenance, plan: Plan, key: Mapping[str, str], block: str) -> tuple[str, ...]:
    """`bp_control, white: worse than at baseline: 60% (6 of 10) after 90% (9 of 10)`, for the strata of a key."""
    named = plan.named(f"{block}.declined")
    if named is None:
        return ()
    found: list[str] = []
    settled = {plan.unit, plan.period}
    for full in provenance.evaluator.expand(plan, named.node, dict(key)):
        whole = dict(key) | full
        if provenance.value(Point(plan, named.node, whole)) is True:
            label = ", ".join(full[k] for k in sorted(full) if k not in settled)
            now, base = (_rate(provenance, plan, whole, block, prefix) for prefix in ("", "baseline_"))
            found.append(f"refused: {label} is worse off than at the baseline: {now} after {base}")
    return tuple(found)


def _rate(provenance: Provenance, plan: Plan, key: dict[str, str], block: str, prefix: str) -> str:
    """A rate with the counts that it is of, which are those of several years where years are pooled."""
    pooled = "" if plan.named(f"{block}.pooled_denominator") is None else "pooled_"
    words = ("rate", f"{pooled}numerator", f"{pooled}denominator")
    rate, top, bottom = (_shown(provenance, plan, key, f"{block}.{prefix}{word}") for word in words)
    return f"{rate} ({top} of {bottom})"


def _shown(provenance: Provenance, plan: Plan, key: dict[str, str], name: str) -> str:
    named = plan.named(name)
    if named is None:
        return Absent(State.NOT_APPLICABLE).state.words
    type_ = plan.nodes[named.node].type
    return exactly(provenance.value(Point(plan, named.node, key)), type_ if type_.kind is Kind.PERCENT else COUNT)
