"""A pool hands out what is there: neither its fund nor a weight is ever below zero."""

from __future__ import annotations

from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Fix, Sink
from contractlang.plan.abstract import ALL_STATES, Abstract
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.ranges import Facts, Ranges
from contractlang.semantics.typing import zero
from contractlang.syntax import ast

NOT_BELOW_ZERO = Abstract(Fraction(0), states=ALL_STATES)


def check_pools(ranges: Ranges, low: Lowering, facts: Facts, sink: Sink) -> None:
    """`facts` hold for every unit that is settled."""
    for name, item in low.scope.items.items():
        if not isinstance(item, ast.Block) or item.kind != "pool" or f"{name}.share" not in low.values:
            continue
        fund, weight = low.values[f"{name}.fund"], low.values[f"{name}.weight"]
        if _may_be_below_zero(ranges, weight, facts):
            step = next(s for s in item.steps if s.word == "split")
            assert step.argument is not None
            nothing = zero(low.type(weight)) or "0"
            sink.report(
                Diagnostic(
                    "below-zero-in-pool",
                    f"a weight of pool `{name}` can be below zero",
                    step.argument.span,
                    help=f"declare the ranges of the inputs with `within`, or write `max(…, {nothing})`",
                    fixes=(edits.around(step.argument.span, "max(", f", {nothing})", "count it as nothing then"),),
                )
            )
        carried = low.values.get(f"{name}.carried.amount")
        earlier = (
            {} if carried is None else {carried: NOT_BELOW_ZERO}
        )  # what was left over of a fund that is not below zero
        if _may_be_below_zero(ranges, fund, earlier):
            last = [s for s in item.steps if s.word in ("funding", "add", "less", "cap", "floor", "round")][-1]
            indent = " " * (last.span.column - 1)
            sink.report(
                Diagnostic(
                    "below-zero-in-pool",
                    f"the fund of pool `{name}` can be below zero",
                    last.span,
                    help="declare the ranges of the inputs with `within`, or write `floor $0`",
                    fixes=(Fix("hand out nothing then", (edits.after(last.span, f"\n{indent}floor    $0"),)),),
                )
            )


def _may_be_below_zero(ranges: Ranges, ref: int, facts: Facts) -> bool:
    found = ranges.of(ref, facts)
    return found.present and (found.low is None or found.low < 0)
