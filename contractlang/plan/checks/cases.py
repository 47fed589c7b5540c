"""`when` tables: every case can be reached, and without `otherwise` the cases cover everything."""

from __future__ import annotations

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Sink
from contractlang.plan.builder import Ref
from contractlang.plan.narrowing import narrow
from contractlang.plan.ranges import Facts, Ranges
from contractlang.source import Span
from contractlang.syntax import ast


def check_cases(ranges: Ranges, ref: Ref, cases: ast.Cases, sink: Sink) -> None:
    node = ranges.plan.nodes[ref]
    here: Facts | None = {}
    for position, case in enumerate(cases.cases):
        if case.condition is None:
            if here is None:
                _unreachable(sink, cases, case, "the cases above cover everything")
            return
        condition = node.args[2 * position]
        truth = frozenset[bool]() if here is None else ranges.of(condition, here).truth
        if True not in truth:
            why = "the cases above cover everything" if here is None else "it can never be true here"
            _unreachable(sink, cases, case, why)
            if here is None:
                return
            continue
        here = narrow(ranges, condition, False, here) if here is not None and False in truth else None
    if here is not None:
        _uncovered(sink, cases)


def _uncovered(sink: Sink, cases: ast.Cases) -> None:
    last = cases.cases[-1]
    assert last.condition is not None
    head = last.span.file.text.rfind("when", 0, last.condition.span.start)
    place = Span(last.span.file, head, last.condition.span.end)
    sink.report(
        Diagnostic(
            "otherwise-missing",
            "the cases do not cover everything",
            last.span,
            help="add `otherwise: VALUE`, or let the last case be `otherwise`",
            fixes=(edits.instead(place, "otherwise", "let the last case be `otherwise`"),),
        )
    )


def _unreachable(sink: Sink, cases: ast.Cases, case: ast.Case, why: str) -> None:
    if any(d.code == "percent-or-points" and d.span is not None and _inside(d.span, case.span) for d in sink):
        return  # `40` beside a percentage is why, and was reported
    what = "`otherwise`" if case.condition is None else f"`{' '.join(case.condition.span.text.split())}`"
    sink.report(
        Diagnostic(
            "unreachable-case",
            f"the case {what} is never reached: {why}",
            case.span,
            help="remove it, or change the conditions above it",
            fixes=(_removed(cases, case),),
        )
    )


def _inside(inner: Span, outer: Span) -> bool:
    return inner.file == outer.file and outer.start <= inner.start and inner.end <= outer.end


def _removed(cases: ast.Cases, case: ast.Case) -> Fix:
    """Without the case; where only `otherwise` would be left, its value alone."""
    rest = [c for c in cases.cases if c is not case]
    if len(rest) == 1 and rest[0].condition is None:
        text = cases.span.file.text
        start = len(text[: cases.span.start].rstrip())
        words = f" = {rest[0].value.span.text}"
        return Fix("write the value alone", (Edit(Span(cases.span.file, start, cases.span.end), words),))
    return edits.without(case.span, "remove the case")
