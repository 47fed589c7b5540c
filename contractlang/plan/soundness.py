"""What the checker proves over the whole plan: payments never reach absence, lookups hold every argument, cases are reached."""

from __future__ import annotations

from contractlang.diagnostics.diagnostic import Sink
from contractlang.plan.checks.cases import check_cases
from contractlang.plan.checks.lookups import check_lookups
from contractlang.plan.checks.payments import check_payment
from contractlang.plan.checks.places import Place
from contractlang.plan.checks.pools import check_pools
from contractlang.plan.lowering.contract import Lowered
from contractlang.plan.narrowing import narrow
from contractlang.plan.ranges import Facts, Ranges


def check_soundness(lowered: Lowered, years: tuple[int, int], sink: Sink) -> None:
    """Report what the ranges of the values rule out. Items that failed before are not in the plan."""
    low = lowered.lowering
    ranges = Ranges(lowered.plan, years)
    roots = [Place(named.node, named.origin, {}) for named in lowered.plan.names]
    roots += [Place(ref, span, {}) for ref, span in low.conditions]
    for root in roots:
        ranges.of(root.ref)
    for ref, cases in low.case_tables:
        check_cases(ranges, ref, cases, sink)
    outside = check_lookups(ranges, low, roots, sink)
    if outside:
        ranges = Ranges(lowered.plan, years, outside)
    settled: Facts = {}
    for requirement in lowered.plan.requirements:
        settled = narrow(ranges, requirement.condition, True, settled) or settled
    check_pools(ranges, low, settled, sink)
    for name in lowered.plan.payments:
        check_payment(ranges, low, name, settled, sink)
