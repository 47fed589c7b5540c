"""What a contract asks of the rows of its tables as a whole: rosters without overlaps, members that one unit claims."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.engines.base import Reduced
from contractlang.plan.lowering.reduction import MEMBER_KEY
from contractlang.plan.nodes import Plan
from contractlang.plan.relations import Check


def report_breaches(
    plans: Sequence[Plan], reduced: Sequence[Reduced | None], sink: Sink, *, identifiers: bool = False
) -> bool:
    """Report every check that found rows, once for all plans that ask it; gives whether one did.

    The keys of members are named with `identifiers` only.
    """
    told: set[tuple[str, str, int, tuple[tuple[object, ...], ...]]] = set()
    for plan, part in zip(plans, reduced, strict=True):
        if part is None:
            continue
        for check, (count, examples) in zip(plan.reduction.checks, part.breaches, strict=True):
            finding = (check.code, check.step, count, tuple(examples))
            if count and finding not in told:
                told.add(finding)
                sink.report(_diagnostic(check, count, examples, identifiers=identifiers))
    return bool(told)


def _diagnostic(check: Check, count: int, examples: Sequence[tuple[object, ...]], *, identifiers: bool) -> Diagnostic:
    shown = [i for i, column in enumerate(check.columns) if identifiers or column != MEMBER_KEY]
    notes = [", ".join(_shown(example[i]) for i in shown) for example in examples]
    if count > len(notes):
        notes.append(f"… and {count - len(notes):,} more")
    message = f"{count:,} row{'' if count == 1 else 's'} of {check.message}"
    return Diagnostic(check.code, message, check.origin, notes=tuple(notes), help=check.help)


def _shown(value: object) -> str:
    match value:
        case dt.date():
            return "from the start" if value == dt.date.min else value.isoformat()
        case None:
            return "-"
        case _:
            return str(value)
